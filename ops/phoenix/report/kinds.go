package report

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Kind is a kind of file, to look at by itself.
type Kind string

// The kinds. A file may be of none, and of Auth beside another.
const (
	Config Kind = "config" // configuration, dependencies, and how it is built and released
	Auth   Kind = "auth"   // what phx.gen.auth made
	Assets Kind = "assets" // JavaScript, CSS, pictures
	Tests  Kind = "tests"
	Web    Kind = "web"    // controllers, views, components, templates
	Domain Kind = "domain" // the rest of lib
)

// Kinds there are.
var Kinds = []Kind{Config, Auth, Assets, Tests, Web, Domain}

var (
	configNames = []string{"mix.exs", ".formatter.exs", ".gitignore", ".dockerignore", "Dockerfile", "fly.toml"}
	authPath    = regexp.MustCompile(`(^|/)(lib|test)/.*(_auth(_test)?\.exs?$|/user(_[a-z]+)?/|/user(_[a-z]+)*(_test)?\.(ex|exs|html\.heex|html\.eex)$|/(accounts|scope)(_fixtures|_test)?\.exs?$|_web/(live|controllers|views|templates)/user_[^/]*)|/\d*_?create_[a-z_]*auth_tables\.exs$`)
	webPath     = regexp.MustCompile(`(^|/)lib/[^/]*_web(/|\.ex$)|(^|/)web/`)
)

// Of says whether a file is of a kind, by its path in the project.
func (k Kind) Of(p string) bool {
	top := p
	// An application of an umbrella has what a project has.
	if rest, ok := strings.CutPrefix(p, "apps/"); ok {
		if _, in, ok := strings.Cut(rest, "/"); ok {
			top = in
		}
	}
	in := func(dirs ...string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(top, d+"/") })
	}
	switch k {
	case Config:
		return in("config", "rel") || slices.Contains(configNames, path.Base(top)) && path.Dir(top) == "."
	case Auth:
		return authPath.MatchString(p)
	case Assets:
		return in("assets", "priv/static", "web/static")
	case Tests:
		return in("test")
	case Web:
		return webPath.MatchString(top) && !in("web/static")
	case Domain:
		return in("lib") && !webPath.MatchString(top)
	}
	return false
}
