package nearest

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// App is what an application's files say of how it was generated.
type App struct {
	Name, Module string        // my_shop, MyShop
	Requirement  string        // what mix.exs asks of Phoenix: ~> 1.7.14; empty: it does not say
	Flags        phoenix.Flags // those that its dependencies and files speak of, defaults included
	Also         []Generated   // what other generators made for it, by generator and name
	Notes        []string      // what is not certain
}

var (
	appName     = regexp.MustCompile(`\bapp:\s*:([a-z][a-z0-9_]*)`)
	appsPath    = regexp.MustCompile(`\bapps_path:\s*"([^"\n]+)"`)
	moduleName  = regexp.MustCompile(`(?m)^\s*defmodule\s+([A-Z][A-Za-z0-9_.]*)`)
	application = regexp.MustCompile(`\bmod:\s*\{\s*([A-Z][A-Za-z0-9_.]*)`)
	dependency  = regexp.MustCompile(`\{\s*:([a-z][a-z0-9_]*)\s*,\s*(?:"([^"\n]*)")?`)
	comment     = regexp.MustCompile(`(?m)^\s*#.*$`)
	binaryID    = regexp.MustCompile(`\bbinary_id:\s*true\b`)
)

// ErrNotPhoenix is what Inspect says of other projects.
var ErrNotPhoenix = errors.New("its mix.exs does not name Phoenix among the dependencies")

// Inspect reads the names and flags with which an application was generated off its files. It runs nothing of it.
func Inspect(t *phoenix.Tree) (App, error) {
	root, ok := t.Files["mix.exs"]
	if !ok {
		return App{}, errors.New("it has no mix.exs")
	}
	i := inspection{tree: t, deps: map[string]string{}, mix: map[string]string{"": uncommented(root)}}
	if m := appsPath.FindStringSubmatch(i.mix[""]); m != nil {
		i.umbrella = strings.Trim(m[1], "/")
		for p, f := range t.Files {
			if dir, ok := strings.CutSuffix(p, "/mix.exs"); ok && strings.HasPrefix(dir, i.umbrella+"/") && strings.Count(dir, "/") == strings.Count(i.umbrella, "/")+1 {
				i.mix[dir] = uncommented(f)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(i.mix)) {
		for _, m := range dependency.FindAllStringSubmatch(i.mix[dir], -1) {
			i.deps[m[1]] = cmp.Or(m[2], i.deps[m[1]])
		}
	}
	if _, ok := i.deps["phoenix"]; !ok {
		return App{}, ErrNotPhoenix
	}
	app := App{Requirement: i.deps["phoenix"], Flags: i.flags()}
	if app.Name, app.Module = i.names(); app.Name == "" {
		return App{}, errors.New("its mix.exs does not say app: :name")
	}
	if app.Module == "" {
		return App{}, errors.New("the application's module was not found: neither mix.exs nor lib/" + app.Name + ".ex names it")
	}
	app.Also = i.also(app)
	return app, nil
}

func uncommented(f phoenix.File) string { return comment.ReplaceAllString(string(f.Data), "") }

type inspection struct {
	tree     *phoenix.Tree
	umbrella string            // directory of the applications; empty: it is not one
	mix      map[string]string // mix.exs of the project and of the applications below it, without comments, by directory
	deps     map[string]string // and their requirements
}

// names are the application's and its module.
func (i inspection) names() (app, module string) {
	if i.umbrella == "" {
		m := appName.FindStringSubmatch(i.mix[""])
		if m == nil {
			return "", ""
		}
		return m[1], i.module("", m[1])
	}
	// NAME and NAME_web are what is generated; others came later.
	for _, dir := range slices.Sorted(maps.Keys(i.mix)) {
		m := appName.FindStringSubmatch(i.mix[dir])
		if m == nil {
			continue
		}
		name, web := strings.CutSuffix(m[1], "_web")
		if !web && app != "" {
			continue
		}
		domain := strings.TrimSuffix(dir, "_web")
		if module = cmp.Or(i.module(domain, name), strings.TrimSuffix(i.module(dir, m[1]), "Web")); module != "" {
			app = name
		}
		if web && app != "" {
			break
		}
	}
	return app, module
}

// module of an application in a directory, as its files name it.
func (i inspection) module(dir, app string) string {
	if dir != "" {
		dir += "/"
	}
	for _, p := range []string{"lib/" + app + "_web.ex", "web/web.ex", "lib/" + app + ".ex", "lib/" + app + "/application.ex", "lib/" + app + "/repo.ex"} {
		f, ok := i.tree.Files[dir+p]
		if !ok {
			continue
		}
		if m := moduleName.FindStringSubmatch(uncommented(f)); m != nil {
			return bare(m[1])
		}
	}
	mix := i.mix[strings.TrimSuffix(dir, "/")]
	for _, re := range []*regexp.Regexp{application, moduleName} {
		if m := re.FindStringSubmatch(mix); m != nil {
			return bare(m[1])
		}
	}
	return ""
}

// bare is an application's module, of one of those that are generated beneath it.
func bare(module string) string {
	for _, end := range []string{".Application", ".MixProject", ".Mixfile", ".Repo", ".Web", "Web"} {
		if m, ok := strings.CutSuffix(module, end); ok && m != "" {
			return m
		}
	}
	return module
}

// databases by the driver that the generator adds for each.
var databases = []struct{ dep, database string }{
	{"postgrex", "postgres"}, {"myxql", "mysql"}, {"mariaex", "mysql"}, {"tds", "mssql"}, {"tds_ecto", "mssql"}, {"ecto_sqlite3", "sqlite3"},
}

func (i inspection) flags() phoenix.Flags {
	dep := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, ok := i.deps[n]; return ok })
	}
	word := func(b bool) string {
		if b {
			return "true"
		}
		return "false"
	}
	f := phoenix.Flags{
		"umbrella":  word(i.umbrella != ""),
		"ecto":      word(dep("ecto_sql", "phoenix_ecto", "ecto")),
		"html":      word(dep("phoenix_html", "phoenix_live_view") && i.has("_web/templates/", "_web/components/", "_web/live/", "_web/views/layout_view.ex", "web/templates/", "_html/")),
		"live":      word(dep("phoenix_live_view")),
		"dashboard": word(dep("phoenix_live_dashboard")),
		"mailer":    word(dep("swoosh")),
		"gettext":   word(dep("gettext")),
		"assets":    word(i.has("assets/", "_web/assets/", "web/static/js/")),
		"binary_id": word(i.binaryID()),
	}
	f["live"] = word(f["live"] == "true" && f["html"] == "true")
	if f["assets"] == "true" && dep("esbuild", "tailwind") {
		f["esbuild"], f["tailwind"] = word(dep("esbuild")), word(dep("tailwind"))
	}
	if f["ecto"] == "true" {
		for _, d := range databases {
			if dep(d.dep) {
				f["database"] = d.database
				break
			}
		}
	}
	switch {
	case dep("bandit"):
		f["adapter"] = "bandit"
	case dep("plug_cowboy", "cowboy"):
		f["adapter"] = "cowboy"
	}
	return f
}

// has says whether a file's path begins with one of the parts, or has one that begins with _ within it.
func (i inspection) has(parts ...string) bool {
	for p := range i.tree.Files {
		for _, part := range parts {
			if strings.HasPrefix(p, part) || part[0] == '_' && strings.Contains(p, part) {
				return true
			}
		}
	}
	return false
}

func (i inspection) binaryID() bool {
	for p, f := range i.tree.Files {
		if strings.HasSuffix(p, "config/config.exs") && binaryID.MatchString(uncommented(f)) {
			return true
		}
	}
	return false
}
