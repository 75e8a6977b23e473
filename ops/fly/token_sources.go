package fly

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxTokenFile is far more than any token.
const maxTokenFile = 256 << 10

// FirstOf asks the sources in turn until one has a token. A source that has one but cannot give it (a file that
// others may read) ends the search: what it says is what is to be mended.
func FirstOf(sources ...TokenSource) TokenSource {
	return func(ctx context.Context) (Token, error) {
		var where []string
		for _, s := range sources {
			t, err := s(ctx)
			if err == nil {
				return t, nil
			}
			if !errors.Is(err, ErrNoToken) {
				return Token{}, err
			}
			var n notThere
			if errors.As(err, &n) {
				where = append(where, n.where)
			}
		}
		return Token{}, notThere{strings.Join(where, ", ")}
	}
}

// notThere is ErrNoToken with the place that was looked at.
type notThere struct{ where string }

func (n notThere) Error() string {
	if n.where == "" {
		return ErrNoToken.Error()
	}
	return ErrNoToken.Error() + ": looked at " + n.where
}

func (n notThere) Is(target error) bool { return target == ErrNoToken }

// StaticToken is a token that is already known.
func StaticToken(s string) TokenSource {
	return func(context.Context) (Token, error) { return NewToken(s) }
}

// EnvToken looks at environment variables, in order. getenv nil is os.Getenv.
func EnvToken(getenv func(string) string, names ...string) TokenSource {
	if getenv == nil {
		getenv = os.Getenv
	}
	return func(context.Context) (Token, error) {
		for _, n := range names {
			if v := strings.TrimSpace(getenv(n)); v != "" {
				t, err := NewToken(v)
				if err != nil {
					return Token{}, fmt.Errorf("%s: %w", n, err)
				}
				return t, nil
			}
		}
		return Token{}, notThere{"$" + strings.Join(names, ", $")}
	}
}

// FileToken reads a file with nothing but a token in it. A file that others may read is refused.
func FileToken(path string) TokenSource {
	return func(context.Context) (Token, error) {
		b, err := readSecret(path)
		if err != nil {
			return Token{}, err
		}
		t, err := NewToken(string(b))
		if err != nil {
			return Token{}, fmt.Errorf("%s: %w", path, err)
		}
		return t, nil
	}
}

// FlyctlToken reads the access token of flyctl's own configuration: $FLY_CONFIG_DIR/config.yml, else
// ~/.fly/config.yml. getenv nil is os.Getenv.
func FlyctlToken(getenv func(string) string) TokenSource {
	if getenv == nil {
		getenv = os.Getenv
	}
	return func(context.Context) (Token, error) {
		dir := getenv("FLY_CONFIG_DIR")
		if dir == "" {
			home := getenv("HOME")
			if home == "" {
				return Token{}, notThere{"flyctl's configuration (there is no $HOME)"}
			}
			dir = filepath.Join(home, ".fly")
		}
		path := filepath.Join(dir, "config.yml")
		b, err := readSecret(path)
		if err != nil {
			return Token{}, err
		}
		v, err := yamlScalar(b, "access_token")
		if err != nil {
			return Token{}, fmt.Errorf("%s: %w", path, err)
		}
		if v == "" {
			return Token{}, notThere{path + " (which has no access_token)"}
		}
		t, err := NewToken(v)
		if err != nil {
			return Token{}, fmt.Errorf("%s: access_token: %w", path, err)
		}
		return t, nil
	}
}

// readSecret reads a small file that only its owner may read. A file that is not there is notThere.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, notThere{path + " (not there)"}
	case err != nil:
		return nil, fmt.Errorf("read the token: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the token: %w", err)
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("read the token: %s is not a regular file", path)
	case fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("read the token: %s may be read by others (mode %04o): run chmod 600 %s", path, fi.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	if len(b) > maxTokenFile {
		return nil, fmt.Errorf("read the token: %s is longer than %d kB, which no such file is", path, maxTokenFile>>10)
	}
	return b, nil
}

// yamlScalar is the value of a key at the top level of a YAML file, or empty. It knows the plain, the quoted and the
// block form, also where they go on over several lines; other forms are refused rather than misread.
func yamlScalar(b []byte, key string) (string, error) {
	lines := strings.Split(strings.TrimPrefix(string(b), "\ufeff"), "\n")
	for i, line := range lines {
		v, ok := yamlKey(strings.TrimRight(line, " \t\r"), key)
		if !ok {
			continue
		}
		block := v != "" && (v[0] == '|' || v[0] == '>')
		if block {
			v = ""
		}
		for _, more := range lines[i+1:] {
			if more == "" || more[0] != ' ' && more[0] != '\t' {
				break
			}
			v += " " + strings.TrimSpace(more)
		}
		return yamlText(strings.TrimSpace(v), key, i+1)
	}
	return "", nil
}

// yamlText is the text of a scalar on one line.
func yamlText(v, key string, line int) (string, error) {
	switch {
	case v == "" || v == "~" || v == "null" || v[0] == '#':
		return "", nil
	case v[0] == '"' || v[0] == '\'':
		text, after, ok := strings.Cut(v[1:], v[:1])
		if after = strings.TrimSpace(after); !ok || strings.Contains(text, `\`) || after != "" && after[0] != '#' {
			return "", fmt.Errorf("line %d: the value of %s is not a simple quoted text", line, key)
		}
		return text, nil
	case strings.ContainsRune("&*!{[%@`", rune(v[0])):
		return "", fmt.Errorf("line %d: the value of %s is not a simple text", line, key)
	}
	text, _, _ := strings.Cut(v, " #")
	return strings.TrimSpace(text), nil
}

// yamlKey is what follows key and its colon on a line, if the line is that key's.
func yamlKey(line, key string) (string, bool) {
	for _, k := range []string{key, `"` + key + `"`, "'" + key + "'"} {
		if rest, ok := strings.CutPrefix(line, k); ok {
			rest = strings.TrimLeft(rest, " \t")
			if v, ok := strings.CutPrefix(rest, ":"); ok && (v == "" || v[0] == ' ' || v[0] == '\t') {
				return strings.TrimSpace(v), true
			}
		}
	}
	return "", false
}
