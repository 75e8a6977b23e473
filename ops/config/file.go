package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ops-console/ops/config/tomlfile"
)

// ProjectFile is the name of a project's own file.
const ProjectFile = "ops-console.toml"

// kind says who wrote a file.
type kind int

const (
	ownFile     kind = iota // the user's own, or named by --config
	projectFile             // came with the project: it says nothing secret, and needs trust for some keys
)

// file is a configuration file whose every value has been checked.
type file struct {
	path     string
	kind     kind
	base     place
	defaults *tomlfile.Value
	apps     map[string]*tomlfile.Value
	trust    []string
}

// names are the file's profiles, sorted.
func (f *file) names() []string {
	var out []string
	for n := range f.apps {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// readFile reads and checks a file. trust are the projects whose files may say everything but secrets.
func readFile(path string, k kind, base place, trust []string) (*file, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer h.Close()
	fi, err := h.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("read the configuration: %s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(h, tomlfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	f, secret, err := parse(path, b, k, base, trusted(base.dir, trust))
	if err != nil {
		return nil, err
	}
	if secret && fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s holds secrets but may be read by others (mode %04o): run chmod 600 %s", path, fi.Mode().Perm(), path)
	}
	return f, nil
}

// trusted tells whether dir is one of the projects, or in one.
func trusted(dir string, projects []string) bool {
	dir = real(dir)
	return slices.ContainsFunc(projects, func(p string) bool {
		rel, err := filepath.Rel(real(p), dir)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	})
}

func real(dir string) string {
	if r, err := filepath.EvalSymlinks(dir); err == nil {
		return r
	}
	return dir
}

// parse checks everything the file says, also of apps that are not asked for. secret tells that it holds one.
func parse(path string, data []byte, k kind, base place, trust bool) (f *file, secret bool, err error) {
	root, err := tomlfile.Parse(path, data)
	if err != nil {
		return nil, false, err
	}
	c := &checker{file: path, kind: k, base: base, trust: trust}
	f = &file{path: path, kind: k, base: base, apps: map[string]*tomlfile.Value{}}
	for _, n := range root.Table.Names {
		v := root.Table.Values[n]
		switch {
		case n == "defaults" && v.Table != nil:
			f.defaults = v
			c.table(v, v.Table, "")
		case n == "app" && v.Table != nil:
			for _, name := range v.Table.Names {
				c.app(f, name, v.Table.Values[name])
			}
		case n == "trust" && k == ownFile:
			f.trust = c.dirs(v)
		case n == "trust":
			c.wrong(v, "a project cannot trust itself: this belongs in your own config.toml")
		case n == "defaults" || n == "app":
			c.wrong(v, "a table is wanted here, not %s%s", v.Kind(), section(n))
		default:
			c.unknown(v, n, []string{"defaults", "app", "trust"})
		}
	}
	return f, c.secret, errors.Join(c.errs...)
}

func section(n string) string {
	if n == "app" {
		return ": keys of an app stand under [app.NAME]"
	}
	return ""
}

// maxErrors is how many errors of a file are told.
const maxErrors = 10

// checker collects what is wrong in a file.
type checker struct {
	file   string
	kind   kind
	base   place
	trust  bool
	secret bool
	errs   []error
}

func (c *checker) wrong(v *tomlfile.Value, format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, v.Wrong(c.file, format, args...))
	}
}

func (c *checker) app(f *file, name string, v *tomlfile.Value) {
	want := appName(name)
	switch {
	case v.Table == nil:
		c.wrong(v, "a table is wanted here, not %s%s", v.Kind(), section("app"))
	case want != "":
		c.wrong(v, "%s is not %s", tomlfile.Dotted("", name), want)
	default:
		f.apps[name] = v
		c.table(v, v.Table, "")
	}
}

// dirs reads trust.
func (c *checker) dirs(v *tomlfile.Value) []string {
	l, ok := v.Texts()
	if !ok {
		c.wrong(v, `a list of directories like ["~/src/changelog"] is wanted here, not %s`, v.Kind())
	}
	var out []string
	for _, s := range l {
		full, wrong := c.base.resolve(s)
		if wrong != "" {
			c.wrong(v, "%s is wanted here, not %q", wrong, s)
			continue
		}
		out = append(out, full)
	}
	return out
}

// table checks the keys of a profile, or of a section of one.
func (c *checker) table(whole *tomlfile.Value, t *tomlfile.Table, prefix string) {
	for _, n := range t.Names {
		v := t.Values[n]
		name := n
		if prefix != "" {
			name = prefix + "." + n
		}
		k, ok := keyNamed(name)
		switch {
		case ok:
			c.value(k, v)
		case v.Table != nil && isSection(name):
			c.table(whole, v.Table, name)
		case isSection(name):
			c.wrong(v, "a table is wanted here, not %s", v.Kind())
		default:
			c.unknown(v, name, keyNames())
		}
	}
}

func isSection(name string) bool {
	return slices.ContainsFunc(keys(), func(k key) bool { return strings.HasPrefix(k.name, name+".") })
}

func keyNames() []string {
	var out []string
	for _, k := range keys() {
		out = append(out, k.name)
	}
	return out
}

func (c *checker) value(k key, v *tomlfile.Value) {
	secret := k.secret || k.holds != nil && k.holds(v)
	c.secret = c.secret || secret
	switch {
	case secret && c.kind == projectFile:
		c.wrong(v, "a secret does not belong in a project's file: put it into your own config.toml, or name %s there", cmp.Or(k.instead, "a file with api.token_file"))
		return
	case k.trusted && c.kind == projectFile && !c.trust:
		c.wrong(v, "a project's file may say this only if you trust the project: add trust = [%q] at the top of your own config.toml", c.base.dir)
		return
	}
	switch want := k.set(&Profile{}, v, c.base); {
	case want == "":
	case k.secret || secret:
		c.wrong(v, "%s is wanted here", want)
	default:
		c.wrong(v, "%s is wanted here, not %s", want, v.Kind())
	}
}

func (c *checker) unknown(v *tomlfile.Value, name string, known []string) {
	if near := nearest(name, known); near != "" {
		c.wrong(v, "there is no such key; did you mean %s?", near)
		return
	}
	c.wrong(v, "there is no such key")
}

// each calls f for every key of a checked table.
func each(v *tomlfile.Value, f func(key, *tomlfile.Value)) {
	if v == nil {
		return
	}
	var walk func(t *tomlfile.Table, prefix string)
	walk = func(t *tomlfile.Table, prefix string) {
		for _, n := range t.Names {
			e, name := t.Values[n], n
			if prefix != "" {
				name = prefix + "." + n
			}
			if k, ok := keyNamed(name); ok {
				f(k, e)
			} else if e.Table != nil {
				walk(e.Table, name)
			}
		}
	}
	walk(v.Table, "")
}
