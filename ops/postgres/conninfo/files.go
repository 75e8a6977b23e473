package conninfo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// maxFile bounds what is read of a service or password file.
const maxFile = 1 << 20

// Password is a line of a password file: HOST:PORT:DATABASE:USER:PASSWORD, each but the last * for any.
type Password struct {
	host, port, database, user, password string
}

// ReadPasswords reads a password file. As libpq does, it is not used if others may read it.
func ReadPasswords(path string) ([]Password, error) {
	b, fi, err := read(path)
	if err != nil {
		return nil, err
	}
	if fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s may be read by others (mode %04o) and is not used: run chmod 600 %s", path, fi.Mode().Perm(), path)
	}
	return ParsePasswords(string(b)), nil
}

func read(path string) ([]byte, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	return b, fi, err
}

// ParsePasswords reads the lines of a password file. Those that are no entries are left out.
func ParsePasswords(text string) []Password {
	var out []Password
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if f := fields(line); len(f) >= 5 {
			out = append(out, Password{f[0], f[1], f[2], f[3], f[4]})
		}
	}
	return out
}

// fields splits a line at colons. A backslash takes the meaning off the character after it.
func fields(line string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case c == ':':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(out, b.String())
}

// Find is the password of the first line that fits one of the hosts, the database and the user. A server has several
// names: its address, the name it was asked for by.
func Find(pp []Password, hosts []Host, database, user string) (string, bool) {
	fits := func(pattern, s string) bool { return pattern == "*" || pattern == s }
	for _, p := range pp {
		if !fits(p.database, database) || !fits(p.user, user) {
			continue
		}
		if slices.ContainsFunc(hosts, func(h Host) bool {
			name := h.Name
			if strings.HasPrefix(name, "/") {
				name = "localhost" // as libpq has it
			}
			return (fits(p.host, name) || fits(p.host, h.Name)) && fits(p.port, strconv.Itoa(int(h.Port)))
		}) {
			return p.password, true
		}
	}
	return "", false
}

// ReadService reads one service of a service file.
func ReadService(path, name string) (Settings, error) {
	b, _, err := read(path)
	if err != nil {
		return nil, err
	}
	s, err := ParseService(string(b), name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ParseService reads one section of a service file: [NAME] and lines keyword=value.
func ParseService(text, name string) (Settings, error) {
	out, in, found := Settings{}, false, false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[':
			in = !found && line == "["+name+"]" // of two with the same name the first counts
			found = found || in
			continue
		case !in:
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if k = strings.TrimSpace(k); !ok || !keyword(k) || k == "service" {
			return nil, fmt.Errorf("the service %q has a line that is not keyword=value", name)
		}
		if v = strings.TrimSpace(v); v != "" {
			out[k] = v
		}
	}
	if !found {
		return nil, fmt.Errorf("there is no service %q", name)
	}
	if strings.ContainsFunc(out.Keywords(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("a connection string has no control characters")
	}
	return out, out.check()
}
