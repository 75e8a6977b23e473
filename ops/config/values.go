package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ops-console/ops/config/tomlfile"
	"ops-console/ops/fly"
)

// setter is the type of key.set.
type setter = func(*Profile, *tomlfile.Value, place) string

// text sets a text that passes a check, which returns what is wanted instead.
func text(field func(*Profile) *string, check func(string) string) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		s, ok := v.Text()
		want := check(s)
		switch {
		case !ok && want == "":
			return "a text in quotes"
		case want != "":
			return want
		}
		*field(p) = s
		return ""
	}
}

func oneOf(field func(*Profile) *string, words ...string) setter {
	return text(field, func(s string) string {
		if slices.Contains(words, s) {
			return ""
		}
		last := len(words) - 1
		return strings.Join(words[:last], ", ") + " or " + words[last]
	})
}

// path sets a file name: ~ is the home directory, and a relative one starts from where it is written.
func path(field func(*Profile) *string) setter {
	return func(p *Profile, v *tomlfile.Value, base place) string {
		s, ok := v.Text()
		if !ok || s == "" || strings.ContainsRune(s, 0) {
			return "a path in quotes"
		}
		full, err := base.resolve(s)
		if err != "" {
			return err
		}
		*field(p) = full
		return ""
	}
}

// resolve makes s absolute. The second text says what is wrong.
func (b place) resolve(s string) (full, wrong string) {
	switch {
	case s == "~" || strings.HasPrefix(s, "~/"):
		if b.home == "" {
			return "", "a path without ~, as there is no $HOME"
		}
		return filepath.Join(b.home, strings.TrimPrefix(s[1:], "/")), ""
	case strings.HasPrefix(s, "~"):
		return "", "a path that begins with ~/ or without ~ (other users' homes are not looked up)"
	case filepath.IsAbs(s):
		return filepath.Clean(s), ""
	}
	return filepath.Join(b.dir, s), ""
}

func number(field func(*Profile) *int, low, high int) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		n, ok := v.Int()
		if !ok || n < low || n > high {
			return fmt.Sprintf("a whole number from %d to %d", low, high)
		}
		*field(p) = n
		return ""
	}
}

func truth(field func(*Profile) *bool) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		b, ok := v.Bool()
		if !ok {
			return "true or false"
		}
		*field(p) = b
		return ""
	}
}

func duration(field func(*Profile) *time.Duration, low, high time.Duration) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		d, ok := v.Duration(0)
		if !ok || d < low || d > high {
			return fmt.Sprintf("a duration from %q to %q", low, high)
		}
		*field(p) = d
		return ""
	}
}

func interval(field func(*Profile) *time.Duration) setter {
	return duration(field, 100*time.Millisecond, 24*time.Hour)
}

func token(p *Profile, v *tomlfile.Value, _ place) string {
	s, ok := v.Text()
	if !ok {
		return "a token in quotes"
	}
	t, err := fly.NewToken(s)
	if err != nil {
		return "a token of the platform's in quotes"
	}
	p.API.Token = t
	return ""
}

func headers(field func(*Profile) *map[string]string) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		m, ok := v.TextMap()
		if !ok {
			return `a table of texts like { x-forwarded-proto = "https" }`
		}
		if want := wellFormed(m); want != "" {
			return want
		}
		*field(p) = m
		return ""
	}
}

func wellFormed(headers map[string]string) string {
	for k, v := range headers {
		if headerName(k) != "" {
			return fmt.Sprintf("header names of letters, digits and dashes (%q is none)", k)
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return "header values on one line"
		}
	}
	return ""
}

// confidential tells whether headers carry what must not stand in a file that others read.
func confidential(v *tomlfile.Value) bool {
	if v == nil || v.Table == nil {
		return false
	}
	for _, n := range v.Table.Names {
		switch strings.ToLower(n) {
		case "authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token":
			return true
		}
	}
	return false
}

func confidentialAgree(v *tomlfile.Value) bool {
	return slices.ContainsFunc(v.Array, func(e *tomlfile.Value) bool {
		return e.Table != nil && confidential(e.Table.Values["headers"])
	})
}

func command(p *Profile, v *tomlfile.Value, _ place) string {
	l, ok := v.Texts()
	if !ok || slices.Contains(l, "") && len(l) > 0 && l[0] == "" {
		return `a list of texts like ["/app/bin/changelog", "rpc", "…"], or [] for none`
	}
	p.Cluster.Command = l
	return ""
}

func agree(p *Profile, v *tomlfile.Value, _ place) string {
	const want = `a list of tables like [{ path = "/" }]`
	if !v.IsArray() {
		return want
	}
	out := make([]AgreePath, 0, len(v.Array))
	for _, e := range v.Array {
		a, wrong := agreePath(e)
		if wrong != "" {
			return wrong
		}
		out = append(out, a)
	}
	p.Agree = out
	return ""
}

func agreePath(e *tomlfile.Value) (a AgreePath, wrong string) {
	if e.Table == nil {
		return a, `a list of tables like [{ path = "/" }]`
	}
	for _, n := range e.Table.Names {
		v := e.Table.Values[n]
		var ok bool
		switch n {
		case "path":
			a.Path, ok = v.Text()
		case "ignore":
			a.Ignore, ok = v.Texts()
		case "headers":
			if a.Headers, ok = v.TextMap(); ok {
				if wrong := wellFormed(a.Headers); wrong != "" {
					return a, wrong
				}
			}
		default:
			return a, fmt.Sprintf("only path, ignore and headers in each (%s is not known, line %d)", tomlfile.Dotted("", n), v.Line)
		}
		if !ok {
			return a, fmt.Sprintf("another form of %s in line %d: path is a text, ignore a list of texts, headers a table of texts", n, v.Line)
		}
	}
	if wrong := urlPath(a.Path); wrong != "" {
		return a, "each with a path: " + wrong
	}
	for _, x := range a.Ignore {
		if _, err := regexp.Compile(x); err != nil {
			return a, fmt.Sprintf("regular expressions in ignore (%q is none: %v)", x, regexpError(err))
		}
	}
	return a, ""
}

func regexpError(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

var (
	appNames   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	regions    = regexp.MustCompile(`^[a-z]{3}$`)
	words      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	variables  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	interfaces = regexp.MustCompile(`^[A-Za-z0-9_.=+-]{1,15}$`)
	hosts      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$`)
	headerKeys = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")
)

func matching(re *regexp.Regexp, want string) func(string) string {
	return func(s string) string {
		if re.MatchString(s) {
			return ""
		}
		return want
	}
}

func appName(s string) string {
	return matching(appNames, "a name of at most 63 lower case letters, digits and dashes, not beginning or ending in one")(s)
}

func regionCode(s string) string {
	return matching(regions, "a region of three letters like \"iad\"")(s)
}

func word(s string) string {
	return matching(words, "a name of at most 64 letters, digits, dots, dashes and underscores")(s)
}

func variable(s string) string { return matching(variables, "the name of an environment variable")(s) }

func interfaceName(s string) string {
	return matching(interfaces, "the name of a network interface like \"wg0\"")(s)
}

func hostName(s string) string { return matching(hosts, "a host name like \"changelog.com\"")(s) }

func headerName(s string) string { return matching(headerKeys, "the name of a header")(s) }

func urlPath(s string) string {
	if !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) || len(s) > 2000 {
		return "a path that begins with / and has no spaces"
	}
	if _, err := url.ParseRequestURI(s); err != nil {
		return "a path that begins with / and has no spaces"
	}
	return ""
}

func address(s string) string {
	if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
		return "an IP address like \"fdaa:0:1::3\""
	}
	return ""
}

func httpURL(s string) string { return urlOf(s, "http", "https") }
func wsURL(s string) string   { return urlOf(s, "ws", "wss") }

func urlOf(s string, schemes ...string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "":
		return "a URL that begins with " + strings.Join(schemes, ":// or ") + "://"
	case u.User != nil:
		return "a URL without a user name or password"
	case u.RawQuery != "" || u.Fragment != "":
		return "a URL without ? and #"
	}
	return ""
}
