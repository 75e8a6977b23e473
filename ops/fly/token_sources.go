package fly

import (
	"bufio"
	"bytes"
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
// folded or literal block form, which is all that flyctl writes; other forms are refused rather than misread.
func yamlScalar(b []byte, key string) (string, error) {
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, maxTokenFile+1)
	for line := 1; sc.Scan(); line++ {
		t := strings.TrimPrefix(strings.TrimRight(sc.Text(), " \t\r"), "\ufeff")
		rest, ok := yamlKey(t, key)
		if !ok {
			continue
		}
		switch {
		case rest == "" || rest == "~" || rest == "null" || rest[0] == '#':
			return "", nil
		case rest[0] == '|' || rest[0] == '>':
			return yamlBlock(sc), nil
		case rest[0] == '"' || rest[0] == '\'':
			v, after, ok := strings.Cut(rest[1:], rest[:1])
			if after = strings.TrimSpace(after); !ok || strings.Contains(v, `\`) || after != "" && after[0] != '#' {
				return "", fmt.Errorf("line %d: the value of %s is not a simple quoted text", line, key)
			}
			return v, nil
		case strings.ContainsRune("&*!{[%@`", rune(rest[0])):
			return "", fmt.Errorf("line %d: the value of %s is not a simple text", line, key)
		}
		v, _, _ := strings.Cut(rest, " #")
		return strings.TrimSpace(v), nil
	}
	return "", nil
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

// yamlBlock joins the indented lines that follow.
func yamlBlock(sc *bufio.Scanner) string {
	var b strings.Builder
	for sc.Scan() {
		t := sc.Text()
		if t != "" && t[0] != ' ' && t[0] != '\t' {
			break
		}
		b.WriteString(strings.TrimSpace(t))
	}
	return b.String()
}
