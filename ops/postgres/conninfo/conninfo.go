// Package conninfo reads what PostgreSQL's own clients read: connection strings in both their forms, service files and
// password files (libpq, chapter "Connection Strings" and after). It opens no connection, looks at no environment
// variable, and its errors never quote what they are about, as that may hold a password.
package conninfo

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
)

// Settings are the keywords of a connection string and their values, by libpq's names. Keywords that are not libpq's
// (Ecto's pool_size) are there too.
type Settings map[string]string

// schemes begin a URL. Ecto's is the same thing under another name.
var schemes = []string{"postgresql://", "postgres://", "ecto://"}

// IsURL tells whether s has the form of a URL, rather than that of keywords and values.
func IsURL(s string) bool {
	for _, scheme := range schemes {
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return false
}

// Parse reads a connection string: a URL, or keywords and values.
func Parse(s string) (Settings, error) {
	s = strings.TrimSpace(s)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("a connection string has no control characters")
	}
	if !IsURL(s) {
		return parseKeywords(s)
	}
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return parseURL(rest)
		}
	}
	return nil, errors.New("not a connection string")
}

// parseURL reads what follows the scheme: [user[:password]@][host[:port][,…]][/dbname][?keyword=value&…].
func parseURL(s string) (Settings, error) {
	out := Settings{}
	s, query, _ := strings.Cut(s, "?")
	authority, dbname, _ := strings.Cut(s, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, password, has := strings.Cut(authority[:i], ":")
		authority = authority[i+1:]
		if err := out.unescape("user", user); err != nil {
			return nil, err
		}
		if has {
			if err := out.unescape("password", password); err != nil {
				return nil, err
			}
		}
	}
	if strings.ContainsRune(dbname, '@') {
		return nil, errors.New("a password with / in it must have that as %2F")
	}
	if err := out.unescape("dbname", dbname); err != nil {
		return nil, err
	}
	if err := out.authority(authority); err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		k, err := url.PathUnescape(k)
		if err != nil || !keyword(k) {
			return nil, errors.New("what follows the ? of a URL has the form keyword=value&…")
		}
		if err := out.unescape(k, v); err != nil {
			return nil, err
		}
	}
	return out, out.check()
}

// authority reads host:port,host:port. An IPv6 address stands in brackets.
func (s Settings) authority(a string) error {
	if a == "" {
		return nil
	}
	var hosts, ports []string
	for part := range strings.SplitSeq(a, ",") {
		var host, port string
		switch end := strings.IndexByte(part, ']'); {
		case strings.HasPrefix(part, "["):
			if end < 0 || len(part) > end+1 && part[end+1] != ':' {
				return errors.New("an IPv6 address stands in brackets, before the port")
			}
			host, port = part[1:end], strings.TrimPrefix(part[end+1:], ":")
		case strings.Count(part, ":") > 1:
			return errors.New("an IPv6 address stands in brackets, and a password with : in it must have that as %3A")
		default:
			host, port, _ = strings.Cut(part, ":")
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	if err := s.unescape("host", strings.Join(hosts, ",")); err != nil {
		return err
	}
	if strings.Trim(strings.Join(ports, ""), " ") != "" {
		s["port"] = strings.Join(ports, ",")
	}
	return nil
}

// unescape sets a keyword from its form in a URL; an empty value is none.
func (s Settings) unescape(key, v string) error {
	plain, err := url.PathUnescape(v)
	if err != nil || strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("a part is not well-formed: a % stands before two hexadecimal digits (itself it is %25)")
	}
	if plain != "" {
		s[key] = plain
	}
	return nil
}

// keyword tells whether k can be one.
func keyword(k string) bool {
	return k != "" && len(k) <= 64 && !strings.ContainsFunc(k, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}

var errKeywords = errors.New("want a URL like postgres://user@host:5432/database, or keywords like host=… user=…")

// parseKeywords reads keyword=value pairs with space between. Values with spaces stand in single quotes; a backslash
// stands before a quote or a backslash.
func parseKeywords(s string) (Settings, error) {
	out := Settings{}
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		k, rest, ok := strings.Cut(s, "=")
		k = strings.TrimRight(k, " ")
		if !ok || !keyword(k) {
			return nil, errKeywords
		}
		v, rest, ok := value(strings.TrimLeft(rest, " "))
		if !ok {
			return nil, errors.New("a quote is not closed")
		}
		if out[k] = v; v == "" {
			delete(out, k)
		}
		s = rest
	}
	return out, out.check()
}

// value reads one value off the beginning of s.
func value(s string) (v, rest string, ok bool) {
	quoted := strings.HasPrefix(s, "'")
	if quoted {
		s = s[1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quoted && c == '\'':
			return b.String(), s[i+1:], true
		case !quoted && c == ' ':
			return b.String(), s[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// check refuses what cannot be meant.
func (s Settings) check() error {
	if s["hostaddr"] != "" {
		return errors.New("hostaddr is not supported: name the address as host")
	}
	_, err := s.Hosts()
	return err
}

// Host is where a server is.
type Host struct {
	Name string // a name, an address, or the directory of a socket
	Port uint16
}

// DefaultPort is PostgreSQL's.
const DefaultPort = 5432

// Hosts are the servers that the settings name, in order; none: host is not there.
func (s Settings) Hosts() ([]Host, error) {
	if s["host"] == "" {
		return nil, nil
	}
	hosts, ports := strings.Split(s["host"], ","), strings.Split(s["port"], ",")
	if len(ports) > 1 && len(ports) != len(hosts) {
		return nil, fmt.Errorf("%d ports for %d hosts", len(ports), len(hosts))
	}
	out := make([]Host, 0, len(hosts))
	for i, h := range hosts {
		p := ports[0]
		if len(ports) > 1 {
			p = ports[i]
		}
		n := uint64(DefaultPort)
		if p != "" {
			var err error
			// The text is not quoted: a password with a colon can end up here.
			if n, err = strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
				return nil, errors.New("a port is a number from 1 to 65535 (a password with : in it must have that as %3A)")
			}
		}
		if h == "" {
			return nil, errors.New("a host is empty")
		}
		out = append(out, Host{h, uint16(n)})
	}
	return out, nil
}

// Secret tells whether the settings hold a password.
func (s Settings) Secret() bool { return s["password"] != "" || s["sslpassword"] != "" }

// Over is s on top of what it leaves out from base.
func (s Settings) Over(base Settings) Settings {
	out := maps.Clone(base)
	if out == nil {
		out = Settings{}
	}
	maps.Copy(out, s)
	return out
}

// Keywords writes the settings in the form of keywords and values, for Parse and for libpq. Empty ones are written too:
// they stand against what a client would fill in.
func (s Settings) Keywords() string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for k, v := range s {
		fmt.Fprintf(&b, "%s='%s' ", k, quote.Replace(v))
	}
	return b.String()
}
