package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/config/tomlfile"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
)

// Options of Load. The zero value looks at the current directory and this process's environment.
type Options struct {
	Name       string // of --app; empty: $OPS_CONSOLE_APP, else the only profile there is, else what fly.toml says
	ConfigFile string // of --config; empty: none
	ProjectDir string // of --project; empty: the profile's, else found from Dir
	Dir        string // the current directory; empty: os.Getwd
	// Anonymous is for what needs no application: where none is named and neither --config, the project's file nor fly.toml
	// tells which, the profile has no name and what [defaults] say. That there is only one in the user's file tells nothing.
	Anonymous bool
	Env       func(string) string
}

// Load finds out what --app NAME means. From the strongest: variables OPS_CONSOLE_…, the file of --config, the
// project's own ops-console.toml, the user's config.toml, fly.toml, the defaults. Within a file [app.NAME] is stronger
// than [defaults]. What flags say is applied afterwards, with Set.
//
// Errors name file, line, column and key; there may be several, joined, one a line.
func Load(o Options) (*Profile, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	name, err := l.name()
	if err != nil {
		return nil, err
	}
	p := defaults()
	p.Name, p.App = name, name
	for _, f := range slices.Backward(l.files) { // the weakest first
		l.apply(p, f, f.defaults)
		l.apply(p, f, f.apps[name])
	}
	if err := l.variables(p); err != nil {
		return nil, err
	}
	l.project(p)
	for _, f := range l.files {
		if f.defaults != nil || f.apps[name] != nil {
			p.Sources = append(p.Sources, f.path)
		}
	}
	l.flyToml(p)
	p.Notes = append(p.Notes, l.notes...)
	return p, nil
}

// loader holds what was found while a profile is made.
type loader struct {
	Options
	files []*file // strongest first
	notes []string
}

func newLoader(o Options) (*loader, error) {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find the current directory: %w", err)
		}
		o.Dir = dir
	}
	if o.Name == "" {
		o.Name = o.Env("OPS_CONSOLE_APP")
	}
	if o.Name != "" {
		if want := appName(o.Name); want != "" {
			return nil, fmt.Errorf("--app %s: not %s", strconv.Quote(o.Name), want)
		}
	}
	l := &loader{Options: o}
	here := l.place(o.Dir)
	for _, p := range []*string{&l.ConfigFile, &l.ProjectDir} {
		if *p == "" {
			continue
		}
		full, wrong := here.resolve(*p)
		if wrong != "" {
			return nil, fmt.Errorf("%s: want %s", *p, wrong)
		}
		*p = full
	}
	if l.ProjectDir != "" {
		if fi, err := os.Stat(l.ProjectDir); err != nil || !fi.IsDir() {
			return nil, fmt.Errorf("--project %s: there is no such directory", l.ProjectDir)
		}
	}
	return l, l.read()
}

func (l *loader) place(dir string) place { return place{dir, l.Env("HOME")} }

// start is where the project's files are looked for.
func (l *loader) start() string {
	if l.ProjectDir != "" {
		return l.ProjectDir
	}
	return l.Dir
}

// read reads every file there is, strongest first.
func (l *loader) read() error {
	var trust []string
	var given, own, user *file
	var errs []error
	if l.ConfigFile != "" {
		f, err := readFile(l.ConfigFile, ownFile, l.place(filepath.Dir(l.ConfigFile)), nil)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--config %s: there is no such file", l.ConfigFile)
		}
		given, errs = f, append(errs, err)
	}
	if path, err := UserPath(l.Env); err == nil && !same(path, l.ConfigFile) {
		f, err := readFile(path, ownFile, l.place(filepath.Dir(path)), nil)
		if !errors.Is(err, os.ErrNotExist) {
			user, errs = f, append(errs, err)
		}
	}
	for _, f := range []*file{given, user} {
		if f != nil {
			trust = append(trust, f.trust...)
		}
	}
	if path := upward(l.start(), ProjectFile); path != "" && !same(path, l.ConfigFile) {
		f, err := readFile(path, projectFile, l.place(filepath.Dir(path)), trust)
		own, errs = f, append(errs, err)
	}
	for _, f := range []*file{given, own, user} {
		if f != nil {
			l.files = append(l.files, f)
		}
	}
	return errors.Join(errs...)
}

func same(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// upward looks for a file from dir up to the root of the repository that dir is in. Outside of a repository only dir
// is looked at: what lies above it may be anybody's.
func upward(dir, name string) string {
	top := ""
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil {
			top = d
			break
		}
		if filepath.Dir(d) == d {
			top = dir
			break
		}
	}
	for d := dir; ; d = filepath.Dir(d) {
		path := filepath.Join(d, name)
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			return path
		}
		if d == top || filepath.Dir(d) == d {
			return ""
		}
	}
}

// name decides which application is meant.
func (l *loader) name() (string, error) {
	if l.Name != "" {
		return l.Name, l.known()
	}
	for _, f := range l.files {
		if f.path == l.ConfigFile || f.kind == projectFile {
			if n := f.names(); len(n) == 1 {
				return n[0], nil
			}
		}
	}
	if f, err := flytoml.Load(upward(l.start(), flytoml.Name)); f != nil && err == nil && appName(f.App) == "" {
		return l.profileOf(f.App), nil
	}
	if l.Anonymous {
		return "", nil
	}
	all := l.names()
	if len(all) == 1 {
		return all[0], nil
	}
	if len(all) == 0 {
		return "", errors.New("no app named: say --app NAME, the name of an app at the platform, or run this where its fly.toml is")
	}
	return "", fmt.Errorf("no app named: say --app with one of %s", strings.Join(all, ", "))
}

// known refuses a name that the file of --config does not have, though it has others: that is a slip of the keyboard,
// and the next best meaning would be another application.
func (l *loader) known() error {
	if l.ConfigFile == "" || len(l.files) == 0 || l.files[0].path != l.ConfigFile {
		return nil
	}
	f := l.files[0]
	if names := f.names(); len(names) > 0 && f.apps[l.Name] == nil && !slices.Contains(l.names(), l.Name) {
		return fmt.Errorf("--app %s: %s has no [app.%s], only %s", l.Name, f.path, l.Name, strings.Join(names, ", "))
	}
	return nil
}

// names are the profiles of all files.
func (l *loader) names() []string {
	var all []string
	for _, f := range l.files {
		all = append(all, f.names()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// profileOf is the profile whose app is named so, or else the app's name itself.
func (l *loader) profileOf(app string) string {
	for _, f := range l.files {
		for _, n := range f.names() {
			if v := f.apps[n].Table.Values["app"]; v != nil && v.Scalar == app {
				return n
			}
		}
	}
	return app
}

// apply puts a table of a file, whose values have been checked, into p.
func (l *loader) apply(p *Profile, f *file, t *tomlfile.Value) {
	each(t, func(k key, v *tomlfile.Value) {
		if k.set(p, v, f.base) == "" {
			p.Origins[k.name] = f.path + ":" + strconv.Itoa(v.Line)
		}
	})
}

// variables applies the environment.
func (l *loader) variables(p *Profile) error {
	var errs []error
	for _, k := range keys() {
		if k.list || k.name == "app" { // OPS_CONSOLE_APP is --app
			continue
		}
		if s := l.Env(k.env()); s != "" {
			errs = append(errs, p.set(k, s, "$"+k.env(), l.place(l.Dir)))
		}
	}
	return errors.Join(errs...)
}

// Set changes one key, for flags: origin ("--read-only") goes into errors and Origins. Relative paths start from dir.
// Lists and tables cannot be set so.
func (p *Profile) Set(name, value, origin, dir string, getenv func(string) string) error {
	k, ok := keyNamed(name)
	if !ok || k.list {
		return fmt.Errorf("%s: %s is not a key that can be set so", origin, name)
	}
	return p.set(k, value, origin, place{dir, getenv("HOME")})
}

func (p *Profile) set(k key, s, origin string, base place) error {
	var want string
	secret := k.secret
	for _, scalar := range scalars(s) {
		v := &tomlfile.Value{Scalar: scalar}
		if want = k.set(p, v, base); want == "" {
			p.Origins[k.name] = origin
			return nil
		}
		secret = secret || k.holds != nil && k.holds(v)
	}
	if secret {
		return fmt.Errorf("%s: %s is wanted", origin, want)
	}
	return fmt.Errorf("%s: %s is wanted, not %s", origin, want, strconv.Quote(s))
}

// scalars are what the text of a variable can mean.
func scalars(s string) []any {
	var out []any
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		out = append(out, n)
	}
	switch s {
	case "true", "1", "yes":
		out = append(out, true)
	case "false", "0", "no":
		out = append(out, false)
	}
	return append(out, s)
}

// project decides on the project's directory: the flag's, the profile's, or that of a project's file that has the
// profile.
func (l *loader) project(p *Profile) {
	if l.ProjectDir != "" {
		p.Project = l.ProjectDir
		p.Origins["project"] = "--project"
		return
	}
	if p.Project != "" {
		return
	}
	for _, f := range l.files {
		if v := f.apps[p.Name]; v != nil && f.kind == projectFile {
			p.Project = f.base.dir
			p.Origins["project"] = f.path + ":" + strconv.Itoa(v.Line)
			return
		}
	}
}

// flyToml fills in from fly.toml what nothing stronger says.
func (l *loader) flyToml(p *Profile) {
	path := ""
	if p.Project != "" {
		path = filepath.Join(p.Project, flytoml.Name)
	} else if path = upward(l.Dir, flytoml.Name); path == "" {
		return
	}
	f, err := flytoml.Load(path)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			l.notes = append(l.notes, err.Error())
		}
		if f == nil {
			return
		}
	}
	_, named := p.Origins["app"]
	ours := p.Project != "" && slices.ContainsFunc(l.files, func(f *file) bool { return f.apps[p.Name] != nil })
	if !named && ours && appName(f.App) == "" {
		p.App = f.App
		p.Origins["app"] = fmt.Sprintf("%s:%d", path, f.Lines["app"])
	}
	if f.App != p.App {
		l.notes = append(l.notes, fmt.Sprintf("%s is for the app %s, not for %s: it is not used", path, strconv.Quote(f.App), p.App))
		return
	}
	if p.Project == "" {
		p.Project = filepath.Dir(path)
		p.Origins["project"] = path
	}
	p.Sources = append(p.Sources, path)
	for _, x := range []struct {
		key, from string
		value     any
		zero      bool
	}{
		{"primary_region", "primary_region", f.PrimaryRegion, f.PrimaryRegion == ""},
		{"probe.port", "internal_port", int64(f.HTTPPort()), f.HTTPPort() == 0},
		{"probe.path", "path", f.CheckPath(), f.CheckPath() == ""},
	} {
		k, _ := keyNamed(x.key)
		if _, said := p.Origins[x.key]; said || x.zero {
			continue
		}
		if k.set(p, &tomlfile.Value{Scalar: x.value}, place{}) == "" {
			p.Origins[x.key] = path
		}
	}
}

// defaults is a profile of which nothing is known.
func defaults() *Profile {
	p := &Profile{Origins: map[string]string{}}
	for _, k := range keys() {
		if k.def == "" {
			continue
		}
		root, err := tomlfile.Parse("default", []byte("v = "+k.def))
		if err != nil {
			panic(err) // the table of keys is wrong: a test holds that it is not
		}
		if want := k.set(p, root.Table.Values["v"], place{}); want != "" {
			panic(k.name + ": the default is not " + want)
		}
	}
	return p
}

// TokenSource is where the profile's access token is read from when it is needed: the variable of api.token_env where
// that was said; else api.token or api.token_file where they were; else $FLY_ACCESS_TOKEN, $FLY_API_TOKEN, and flyctl's
// own configuration. A token that was meant for a profile is never replaced by another.
func (p *Profile) TokenSource(getenv func(string) string) fly.TokenSource {
	var ss []fly.TokenSource
	_, variable := p.Origins["api.token_env"]
	if variable {
		ss = append(ss, fly.EnvToken(getenv, p.API.TokenEnv))
	}
	switch {
	case !p.API.Token.IsZero():
		ss = append(ss, p.API.Token.Source())
	case p.API.TokenFile != "":
		ss = append(ss, fly.FileToken(p.API.TokenFile))
	case !variable:
		ss = append(ss, fly.EnvToken(getenv, p.API.TokenEnv, "FLY_API_TOKEN"), fly.FlyctlToken(getenv))
	}
	return fly.FirstOf(ss...)
}
