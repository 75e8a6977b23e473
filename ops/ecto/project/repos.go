package project

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// environments are tried in this order: what production says counts, and where it names no repo (a library that has
// one for its tests), what the others say.
var environments = []string{"prod", "dev", "test"}

// configure reads the configuration and finds the repos in it, or in the code where it names none.
func (o *opening) configure() {
	o.repos, o.config = nil, nil
	before := len(o.notes)
	for _, env := range environments {
		c := o.readConfiguration(env)
		if o.configured(c); len(o.repos) > 0 {
			o.config = c
			return
		}
		if env != environments[len(environments)-1] {
			o.notes = o.notes[:before]
		}
	}
	o.notes = o.notes[:before]
	o.config = o.readConfiguration(environments[0])
	o.fromCode()
}

// fromCode adds the repos that the code defines.
func (o *opening) fromCode() {
	for _, u := range o.usesOfRepo() {
		if !u.readOnly {
			o.add(u.module, u.app)
		}
	}
}

// fromKeys adds the modules that are configured and have a directory of migrations, as where a macro defines the repos.
func (o *opening) fromKeys(app string, c *configuration) {
	m := o.mixOf(app)
	if m == nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(c.values[app])) {
		dir := path.Join(m.root, "priv", underscore(lastPart(key)), "migrations")
		if slices.Contains(strings.Split(key, "."), "Repo") && o.isDir(dir) {
			o.add(key, app)
		}
	}
}

func (o *opening) readConfiguration(env string) *configuration {
	c := newConfiguration(o, env)
	for _, m := range o.mixes {
		c.read(m.config, nil)
		dir := path.Dir(m.config)
		c.read(path.Join(dir, "runtime.exs"), nil)
		c.read(path.Join(dir, "releases.exs"), nil)
	}
	// An app of an umbrella that has a configuration of its own beside the common one, which imports it by a path that is
	// put together.
	for _, m := range o.mixes {
		c.read(path.Join(m.root, "config/config.exs"), nil)
	}
	return c
}

// configured adds the repos of ecto_repos.
func (o *opening) configured(c *configuration) {
	o.config = c
	for _, app := range slices.Sorted(maps.Keys(c.values)) {
		v, ok := c.values[app]["ecto_repos"]
		if !ok {
			continue
		}
		if v.kind == unknown || v.guess {
			c.note(v.file, v.at, "config-unknown", "ecto_repos is only known in full when the application runs: repos are also looked for in its code")
			o.fromCode()
			o.fromKeys(app, c)
		}
		for _, x := range v.items {
			if x.kind == module {
				o.add(x.text, app)
			}
		}
	}
}

// add adds a repo once. The app is the one that names it; the one that it belongs to is what use Ecto.Repo says.
func (o *opening) add(name, app string) {
	if slices.ContainsFunc(o.repos, func(r *Repo) bool { return r.Module == name }) {
		return
	}
	var use repoUse
	for _, u := range o.usesOfRepo() {
		if u.module == name {
			use = u
		}
	}
	adapter := use.adapter
	if v := first(o.config.values[app][name], "adapter"); v.kind == module && adapter == "" {
		adapter = v.text
	}
	if foreign(adapter) {
		key := "other-database " + name
		if !o.missing[key] {
			o.missing[key] = true
			o.note(use.path, "other-database", name+" is left out: its adapter is "+adapter)
		}
		o.foreign = append(o.foreign, underscore(lastPart(name)))
		return
	}
	if use.app != "" && (o.config.values[use.app][name].kind == keyword || o.mixOf(use.app) != nil) {
		app = use.app
	}
	r := &Repo{Module: name, App: app, Root: ".", Settings: o.config.settings(app, name)}
	m := o.mixOf(app)
	if m == nil && use.path != "" {
		m = o.mixWith(use.path)
	}
	if m == nil && len(o.mixes) > 0 {
		m = &o.mixes[0]
	}
	if m != nil {
		r.Root = m.root
		r.Settings.StrictVersionOrder = m.strict || o.mixes[0].strict
	}
	priv := "priv/" + underscore(lastPart(name))
	if v := first(o.config.values[app][name], "priv"); v.kind == text && !path.IsAbs(v.text) {
		priv = v.text
	}
	o.privs[r] = path.Join(r.Root, priv)
	o.repos = append(o.repos, r)
}

func (o *opening) mixOf(app string) *mixProject {
	for i := range o.mixes {
		if o.mixes[i].app == app && app != "" {
			return &o.mixes[i]
		}
	}
	return nil
}

// mixWith is the mix project that a source file is part of.
func (o *opening) mixWith(p string) *mixProject {
	var found *mixProject
	for i := range o.mixes {
		m := &o.mixes[i]
		if (m.root == "." || strings.HasPrefix(p, m.root+"/")) && (found == nil || len(m.root) > len(found.root)) {
			found = m
		}
	}
	return found
}

// otherDatabases are parts of the names of adapters whose SQL is not PostgreSQL's.
var otherDatabases = []string{"mysql", "myxql", "mariaex", "tds", "sqlite", "libsql", "clickhouse", "mnesia", "foundationdb", "mongo", "etso", "cassandra", "tablestore"}

func foreign(adapter string) bool {
	name := strings.ToLower(adapter)
	return slices.ContainsFunc(otherDatabases, func(part string) bool { return strings.Contains(name, part) })
}

// underscore is Macro.underscore of a name without dots: ReadRepo is read_repo, DBRepo is db_repo.
func underscore(name string) string {
	var b strings.Builder
	runes := []rune(name)
	word := func(i int) bool {
		return i < len(runes) && !unicode.IsUpper(runes[i]) && !unicode.IsDigit(runes[i]) && runes[i] != '_'
	}
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (word(i+1) || !unicode.IsUpper(runes[i-1]) && runes[i-1] != '_') {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// directories finds where the repos' migrations are, and reads what is there.
func (o *opening) directories() {
	if len(o.options.Dirs) > 0 {
		o.given()
	} else {
		o.found()
	}
	for _, r := range o.repos {
		o.migrations(r)
		if priv := o.privs[r]; priv != "" && !r.Tenant {
			o.dump(r, priv)
		}
	}
}

// given takes the directories that the options name instead of the repos' own.
func (o *opening) given() {
	var dirs []string
	for _, d := range o.options.Dirs {
		abs := d
		if !filepath.IsAbs(d) {
			abs = filepath.Join(o.dir, d)
		}
		if rel, err := filepath.Rel(o.dir, abs); err == nil {
			dirs = append(dirs, filepath.ToSlash(rel))
		}
	}
	repos := o.repos
	if len(o.options.Repos) > 0 {
		repos = slices.DeleteFunc(slices.Clone(repos), func(r *Repo) bool { return !slices.Contains(o.options.Repos, r.Module) })
	}
	for _, d := range dirs {
		owner := o.ownerOf(d, repos)
		if owner == nil {
			owner = o.nameless(".", path.Dir(d))
		}
		owner.Dirs = append(owner.Dirs, d)
	}
	o.repos = slices.DeleteFunc(o.repos, func(r *Repo) bool { return len(r.Dirs) == 0 })
}

// ownerOf is the repo whose priv directory a directory is in, or the only repo that there is.
func (o *opening) ownerOf(dir string, repos []*Repo) *Repo {
	for _, r := range repos {
		if strings.HasPrefix(dir+"/", o.privs[r]+"/") && o.privs[r] != "" {
			return r
		}
	}
	if len(repos) == 1 {
		return repos[0]
	}
	return nil
}

// nameless is the repo of a priv directory whose owner is not known.
func (o *opening) nameless(root, priv string) *Repo {
	for _, r := range o.repos {
		if r.Module == "" && o.privs[r] == priv && !r.Tenant {
			return r
		}
	}
	r := &Repo{Root: root, Settings: DefaultSettings()}
	if m := o.mixWith(path.Join(root, "mix.exs")); m != nil {
		r.App = m.app
	}
	o.privs[r] = priv
	o.repos = append(o.repos, r)
	return r
}

// found looks for priv/*/migrations and what stands beside them.
func (o *opening) found() {
	own := slices.Clone(o.repos)
	taken := map[string]bool{}
	for _, r := range own {
		dir := path.Join(o.privs[r], "migrations")
		if o.isDir(dir) {
			r.Dirs, taken[dir] = append(r.Dirs, dir), true
		}
	}
	for _, r := range own {
		if len(r.Dirs) == 0 {
			o.elsewhere(r, taken)
		}
	}
	for _, m := range o.mixes {
		privs, err := filepath.Glob(filepath.Join(globQuote(o.abs(m.root)), "priv", "*"))
		if err != nil {
			continue
		}
		for _, r := range own {
			if abs := o.abs(o.privs[r]); r.Root == m.root && !slices.Contains(privs, abs) {
				privs = append(privs, abs)
			}
		}
		for _, abs := range privs {
			rel, err := filepath.Rel(o.dir, abs)
			if err == nil && o.isDir(filepath.ToSlash(rel)) && !slices.Contains(o.foreign, filepath.Base(rel)) {
				o.beside(own, m, filepath.ToSlash(rel), taken)
			}
		}
		for _, p := range m.paths {
			if owner := o.ownerOf(p, own); owner != nil && !taken[p] && o.isDir(p) {
				owner.Dirs, taken[p] = append(owner.Dirs, p), true
			}
		}
	}
	for _, r := range own {
		if len(r.Dirs) == 0 {
			o.note(path.Join(o.privs[r], "migrations"), "no-directory", r.Module+" has no migrations here")
		}
	}
	o.tenantModules(own)
}

// elsewhere takes NAME/repo/migrations for priv/repo/migrations, as where a repo computes its priv.
func (o *opening) elsewhere(r *Repo, taken map[string]bool) {
	name := path.Base(o.privs[r])
	for _, parent := range o.subdirectories(r.Root) {
		priv := path.Join(r.Root, parent, name)
		dir := path.Join(priv, "migrations")
		if slices.Contains(notOwn, parent) || taken[dir] || !o.isDir(dir) || !o.hasMigrations(dir) {
			continue
		}
		o.privs[r] = priv
		r.Dirs, taken[dir] = append(r.Dirs, dir), true
		o.note(dir, "assumed-repo", "taken as the migrations of "+r.Module+", by the name of the directory")
		return
	}
}

// beside takes the directories of migrations in one priv/NAME.
func (o *opening) beside(own []*Repo, m mixProject, priv string, taken map[string]bool) {
	for _, name := range o.subdirectories(priv) {
		dir := path.Join(priv, name)
		if taken[dir] || name != "migrations" && !strings.HasSuffix(name, "_migrations") || !o.hasMigrations(dir) {
			continue
		}
		taken[dir] = true
		owner := o.ownerAt(own, m, priv)
		switch {
		case strings.Contains(name, "tenant"):
			o.tenant(owner, m.root, dir)
		case name == "migrations":
			if owner == nil {
				owner = o.nameless(m.root, priv)
			} else {
				o.note(dir, "assumed-repo", "taken as the migrations of "+owner.Module+", the only repo without a directory of its own")
			}
			owner.Dirs = append(owner.Dirs, dir)
		default:
			if owner == nil {
				owner = o.nameless(m.root, priv)
			}
			owner.Dirs = append(owner.Dirs, dir)
			o.note(dir, "extra-directory", "mix ecto.migrate runs these only where it is told: --migrations-path "+dir)
		}
	}
}

// ownerAt is the repo of a priv directory: the one that has it, else the only one of that mix project, or of all, that
// has none.
func (o *opening) ownerAt(own []*Repo, m mixProject, priv string) *Repo {
	var free []*Repo
	for _, r := range own {
		if o.privs[r] == priv {
			return r
		}
		if len(r.Dirs) == 0 {
			free = append(free, r)
		}
	}
	if len(free) == 1 && (free[0].Root == m.root || len(own) == 1) {
		return free[0]
	}
	return nil
}

// tenant adds migrations that run in a schema for each tenant.
func (o *opening) tenant(owner *Repo, root, dir string) {
	for _, r := range o.repos {
		if r.Tenant && (owner == nil && r.Root == root || owner != nil && r.Module == owner.Module) {
			r.Dirs = append(r.Dirs, dir)
			return
		}
	}
	r := &Repo{Root: root, Tenant: true, Dirs: []string{dir}, Settings: DefaultSettings()}
	if owner != nil {
		r.Module, r.App, r.Settings = owner.Module, owner.App, owner.Settings
	}
	o.repos = append(o.repos, r)
	o.note(dir, "tenant-directory", "run once for each tenant: which of them ran is recorded in each tenant's schema")
}

// isMigration tells source that uses Ecto.Migration, or the application's own in its place.
var isMigration = regexp.MustCompile(`\buse[\s(]+[A-Z][A-Za-z0-9_.]*Migration\b`)

// hasMigrations tells a directory with at least one file that Ecto would take.
func (o *opening) hasMigrations(dir string) bool {
	found := false
	o.walk(dir, func(p string) {
		if _, ok := migrationFile(p); ok && (strings.HasSuffix(p, ".exs") || strings.HasSuffix(p, ".ex")) && !found {
			src, err := o.readFile(p)
			found = err == nil && isMigration.Match(src)
		}
	})
	return found
}

func (o *opening) isDir(p string) bool {
	info, err := os.Stat(o.abs(p))
	return err == nil && info.IsDir()
}

// globQuote makes a path match itself alone.
func globQuote(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(p)
}

// choose leaves the repos that the options name.
func (o *opening) choose() error {
	names := o.options.Repos
	if len(names) == 0 {
		return nil
	}
	for _, n := range names {
		if !slices.ContainsFunc(o.repos, func(r *Repo) bool { return r.Module == n }) {
			var have []string
			for _, r := range o.repos {
				have = append(have, cmp.Or(r.Module, "one without a name in "+r.Root))
			}
			return fmt.Errorf("read the project in %s: there is no repo %s; there are: %s",
				clean(o.dir), clean(n), cmp.Or(clean(strings.Join(have, ", ")), "none"))
		}
	}
	o.repos = slices.DeleteFunc(o.repos, func(r *Repo) bool { return !slices.Contains(names, r.Module) })
	return nil
}
