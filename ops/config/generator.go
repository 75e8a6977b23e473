package config

import (
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/config/tomlfile"
)

// Generator is where the trees come from that Phoenix's generators make, for `ops-console phx` and its pane.
type Generator struct {
	Snapshots []string // absolute paths and URLs, asked in this order
	Mix       string   // ask, always or never: whether the published generator may be run here
	Web       bool     // whether public sites may be asked
	Registry  string   // base URL of hex.pm's API
	Packages  string   // base URL of the packages themselves
	Base      string   // version that the application's files come from; empty: found out
}

var (
	// elsewhere are places that are no paths: URLs, and git's short form of ssh.
	elsewhere      = regexp.MustCompile(`^(?:(?:https?|ssh|git|file)://|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:)`)
	phoenixVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
)

// snapshots sets one place or a list of them.
func snapshots(p *Profile, v *tomlfile.Value, base place) string {
	const want = `a path or URL in quotes, or a list of them like ["~/phoenix-diff", "https://example.com/trees.tar.zst"]`
	l, ok := v.Texts()
	if s, single := v.Text(); single {
		l, ok = []string{s}, true
	}
	if !ok {
		return want
	}
	var out []string
	for _, s := range l {
		switch {
		case s == "" || strings.ContainsRune(s, 0):
			return want
		case elsewhere.MatchString(s):
		case strings.Contains(s, "://"):
			return "a path, or a URL of http, https, ssh, git or file"
		default:
			full, wrong := base.resolve(s)
			if wrong != "" {
				return wrong
			}
			s = full
		}
		out = append(out, s)
	}
	p.Generator.Snapshots = out
	return ""
}

func version(s string) string {
	if !phoenixVersion.MatchString(s) {
		return `a version like "1.7.14"`
	}
	return ""
}

// withPassword is a URL that names a password.
var withPassword = regexp.MustCompile(`://[^/@]*:[^/@]+@`)

func snapshotsHold(v *tomlfile.Value) bool {
	l, _ := v.Texts()
	if s, ok := v.Text(); ok {
		l = append(l, s)
	}
	return slices.ContainsFunc(l, withPassword.MatchString)
}
