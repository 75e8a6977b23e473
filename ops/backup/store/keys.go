package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Keys are what a bucket is opened with. They are never shown: every way of printing them gives the same word.
type Keys struct {
	Access, Secret string
	Token          string // of temporary keys; else empty
}

// String implements fmt.Stringer.
func (Keys) String() string { return "(keys)" }

// GoString implements fmt.GoStringer.
func (Keys) GoString() string { return "store.Keys{}" }

// MarshalText keeps them out of JSON and logs.
func (Keys) MarshalText() ([]byte, error) { return []byte("(keys)"), nil }

// KeySource gives the keys of a bucket. It is asked before the first request, and again when the store says that they
// have expired.
type KeySource func(ctx context.Context) (Keys, error)

// StaticKeys always gives the same.
func StaticKeys(k Keys) KeySource {
	return func(context.Context) (Keys, error) {
		if k.Access == "" || k.Secret == "" {
			return Keys{}, noKeys("the access key or the secret key is empty")
		}
		return k, nil
	}
}

// EnvKeys reads environment variables by their names. An empty name of the token means that there is none.
func EnvKeys(getenv func(string) string, access, secret, token string) KeySource {
	return func(context.Context) (Keys, error) {
		k := Keys{Access: getenv(access), Secret: getenv(secret)}
		if token != "" {
			k.Token = getenv(token)
		}
		for _, v := range []struct{ name, value string }{{access, k.Access}, {secret, k.Secret}} {
			if v.value == "" {
				return Keys{}, noKeys("the environment variable " + v.name + " is empty")
			}
		}
		return k, nil
	}
}

// FileKeys reads a profile of a file in the form of ~/.aws/credentials, anew each time it is asked. The file is refused
// where others can read it. An empty profile means "default", or the only one.
func FileKeys(path, profile string) KeySource {
	return func(context.Context) (Keys, error) {
		st, err := os.Stat(path)
		if err != nil {
			return Keys{}, noKeys(because(err, path))
		}
		if st.Mode().Perm()&0o077 != 0 {
			return Keys{}, noKeys("others can read " + path + ": chmod 600 it")
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return Keys{}, noKeys(because(err, path))
		}
		k, err := parseKeys(b, profile)
		if err != nil {
			return Keys{}, noKeys(path + " " + err.Error())
		}
		return k, nil
	}
}

func because(err error, path string) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path + " is not there"
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be read"
	}
	return err.Error()
}

func noKeys(why string) error {
	return &Error{Op: "find the keys of the store", Kind: ErrDenied, Text: why}
}

// parseKeys reads the form of ~/.aws/credentials: [profile], then name = value; lines that begin with # or ; are comments.
// Its errors never quote a value.
func parseKeys(b []byte, profile string) (Keys, error) {
	all, order := map[string]*Keys{}, []string(nil)
	var k *Keys
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[' && line[len(line)-1] == ']':
			name := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line[1:len(line)-1]), "profile "))
			if all[name] == nil {
				all[name] = &Keys{}
				order = append(order, name)
			}
			k = all[name]
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return Keys{}, fmt.Errorf("line %d is neither [profile] nor name = value", n)
		}
		if k == nil {
			return Keys{}, fmt.Errorf("line %d stands before any [profile]", n)
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			k.Access = value
		case "aws_secret_access_key":
			k.Secret = value
		case "aws_session_token":
			k.Token = value
		}
	}
	if err := lines.Err(); err != nil {
		return Keys{}, errors.New("has a line that is too long")
	}
	if profile == "" {
		profile = "default"
		if all[profile] == nil && len(order) == 1 {
			profile = order[0]
		}
	}
	switch k := all[profile]; {
	case k == nil:
		return Keys{}, fmt.Errorf("has no profile %q", profile)
	case k.Access == "" || k.Secret == "":
		return Keys{}, fmt.Errorf("has not both aws_access_key_id and aws_secret_access_key in profile %q", profile)
	default:
		return *k, nil
	}
}
