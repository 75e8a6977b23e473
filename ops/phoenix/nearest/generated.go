package nearest

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// Generated is what an application has of another generator than that of projects.
type Generated struct {
	Axis  phoenix.Axis
	Names phoenix.Names // of Auth
	Flags phoenix.Flags // those that its files speak of, defaults included
}

// String is it as a command line has it, without flags: phx.gen.auth Accounts User users.
func (g Generated) String() string { return strings.TrimSpace(g.Axis.Task() + " " + g.Names.String()) }

// For gives the flags as a version's generator takes them: without those that it does not know, and without those that say
// its default.
func (g Generated) For(v phoenix.Version) phoenix.Flags {
	r := phoenix.Knowledge(v)
	known := phoenix.Flags{}
	for name, value := range g.Flags {
		if _, ok := r.Switch(g.Axis, name); ok {
			known[name] = value
		}
	}
	fit, _, err := r.Fit(g.Axis, known)
	if err != nil {
		return phoenix.Flags{} // the version has no such generator
	}
	return fit
}

// Spec is what a version generates for an application with this, in a project with these flags.
func (g Generated) Spec(a App, v phoenix.Version, within phoenix.Flags) phoenix.Spec {
	return phoenix.Spec{Axis: g.Axis, Version: v, Flags: g.For(v), App: a.Name, Module: a.Module, Names: g.Names, Within: within}
}

// Of is what an application has of a generator; where it ran several times, the first by name.
func (a App) Of(axis phoenix.Axis) (Generated, bool) {
	i := slices.IndexFunc(a.Also, func(g Generated) bool { return g.Axis == axis })
	if i < 0 {
		return Generated{}, false
	}
	return a.Also[i], true
}

var (
	tokenModule  = regexp.MustCompile(`(?m)^defmodule\s+([A-Z][A-Za-z0-9_.]*)Token\s+do\b`)
	tokenTable   = regexp.MustCompile(`(?m)^\s*schema\s*\(?\s*"([a-z0-9_]+)_tokens"`)
	sessionToken = regexp.MustCompile(`\bdef build_session_token\b`)
	tokenBinary  = regexp.MustCompile(`@primary_key\s*\{:id,\s*:binary_id`)
	settings     = regexp.MustCompile(`"/(?:[a-z0-9_/-]*/)?([a-z0-9_]+)/(?:settings|log_in|log-in|register)"`)
	imageComment = regexp.MustCompile(`(?m)^ARG BUILDER_IMAGE=|^# Find eligible builder and runner images`)
)

// also is what the application has of other generators, by generator and name.
func (i inspection) also(app App) []Generated {
	var all []Generated
	for _, p := range slices.Sorted(maps.Keys(i.tree.Files)) {
		if strings.HasSuffix(p, "_token.ex") && (strings.HasPrefix(p, "lib/") || i.umbrella != "" && strings.HasPrefix(p, i.umbrella+"/")) {
			if g, ok := i.auth(app, p); ok {
				all = append(all, g)
			}
		}
	}
	if g, ok := i.release(); ok {
		all = append(all, g)
	}
	return all
}

// auth reads what phx.gen.auth was asked for off the schema of tokens, which is named after all of it. That there is a module
// beside it that logs in is what tells it from other tokens.
func (i inspection) auth(app App, at string) (Generated, bool) {
	text := uncommented(i.tree.Files[at])
	module, table := tokenModule.FindStringSubmatch(text), tokenTable.FindStringSubmatch(text)
	if module == nil || table == nil || !sessionToken.MatchString(text) {
		return Generated{}, false
	}
	inner, ok := strings.CutPrefix(module[1], app.Module+".")
	cut := strings.LastIndexByte(inner, '.')
	if !ok || cut < 0 {
		return Generated{}, false
	}
	n := phoenix.Names{Context: inner[:cut], Schema: inner[cut+1:]}
	singular := strings.TrimSuffix(path.Base(at), "_token.ex")
	web, ok := i.authModule(app, singular, n.Schema)
	if !ok {
		return Generated{}, false
	}
	n.Plural = cmp.Or(i.plural(singular), table[1])
	f := phoenix.Flags{"live": "false"}
	if i.live(singular) {
		f["live"] = "true"
	}
	if table[1] != n.Plural {
		f["table"] = table[1]
	}
	if web != "" {
		f["web"] = web
	}
	if tokenBinary.MatchString(text) && !i.binaryID() {
		f["binary_id"] = "true"
	}
	for _, lib := range []string{"bcrypt", "pbkdf2", "argon2"} {
		if _, ok := i.deps[lib+"_elixir"]; ok {
			f["hashing_lib"] = lib
			break
		}
	}
	return Generated{Axis: phoenix.Auth, Names: n, Flags: f}, true
}

// authModule finds the module that logs in, and the namespace in the web that it is in.
func (i inspection) authModule(app App, singular, schema string) (web string, ok bool) {
	for p, f := range i.tree.Files {
		if path.Base(p) != singular+"_auth.ex" {
			continue
		}
		m := moduleName.FindStringSubmatch(uncommented(f))
		if m == nil {
			continue
		}
		inner, ours := strings.CutPrefix(m[1], app.Module+"Web.")
		space, last := "", inner
		if cut := strings.LastIndexByte(inner, '.'); cut >= 0 {
			space, last = inner[:cut], inner[cut+1:]
		}
		if ours && strings.HasSuffix(schema, strings.TrimSuffix(last, "Auth")) && strings.HasSuffix(last, "Auth") {
			return space, true
		}
	}
	return "", false
}

// plural that routes of authentication begin with; empty: there are none, or those of several.
func (i inspection) plural(singular string) string {
	found := map[string]bool{}
	for p, f := range i.tree.Files {
		if path.Base(p) != "router.ex" {
			continue
		}
		for _, m := range settings.FindAllStringSubmatch(uncommented(f), -1) {
			if strings.HasPrefix(m[1], singular[:min(3, len(singular))]) {
				found[m[1]] = true
			}
		}
	}
	if len(found) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(found))[0]
}

// live says whether pages of authentication are LiveViews, wherever they are.
func (i inspection) live(singular string) bool {
	for p := range i.tree.Files {
		dir, file := path.Split(p)
		if file == singular+"_login_live.ex" || file == "login.ex" && path.Base(dir) == singular+"_live" {
			return true
		}
	}
	return false
}

// release says whether phx.gen.release was run: its scripts are there.
func (i inspection) release() (Generated, bool) {
	script := func(name string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(i.tree.Files)), func(p string) bool {
			return p == "rel/overlays/bin/"+name || strings.HasSuffix(p, "/rel/overlays/bin/"+name)
		})
	}
	if !script("server") {
		return Generated{}, false
	}
	f := phoenix.Flags{"ecto": "false", "docker": "false"}
	if script("migrate") {
		f["ecto"] = "true"
	}
	for p, file := range i.tree.Files {
		if path.Base(p) == "Dockerfile" && imageComment.Match(file.Data) {
			f["docker"] = "true"
		}
	}
	return Generated{Axis: phoenix.ReleaseFiles, Flags: f}, true
}
