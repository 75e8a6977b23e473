package source

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"ops-console/ops/fly/flytoml"
)

// flyFiles are the files that say how an application is deployed: fly.toml, fly.staging.toml, fly-eu.toml, in any directory
// near the top.
func (r *reader) flyFiles() []string {
	return r.matching(func(name string) bool {
		base := path.Base(name)
		return strings.Count(name, "/") <= 3 && strings.HasSuffix(base, ".toml") &&
			(base == flytoml.Name || strings.HasPrefix(base, "fly.") || strings.HasPrefix(base, "fly-") || strings.HasPrefix(base, "fly_")) &&
			!strings.Contains("/"+name, "/test/")
	})
}

// fly chooses the file: the one that was named; else the one of the application; else the one at the top; else the one that
// looks most like this project's.
func (r *reader) fly(o Options) {
	t := r.tree
	if o.Fly != nil {
		t.Fly, t.FlyPath = o.Fly, o.FlyPath
		return
	}
	all := r.flyFiles()
	if o.FlyPath != "" {
		all = slices.DeleteFunc(all, func(name string) bool { return name == o.FlyPath })
		t.Fly, t.FlyErr = r.parseFly(o.FlyPath)
		t.FlyPath, t.FlyOthers = o.FlyPath, all
		return
	}
	type candidate struct {
		path, err string
		file      *flytoml.File
	}
	var cc []candidate
	for _, name := range all {
		f, err := r.parseFly(name)
		if meant := o.App != "" && f != nil && f.App == o.App; !meant && r.foreign(path.Dir(name)) {
			t.FlyOthers = append(t.FlyOthers, name)
			continue
		}
		cc = append(cc, candidate{name, err, f})
	}
	if len(cc) == 0 {
		return
	}
	own := r.appName()
	rank := func(c candidate) (int, string) {
		switch {
		case o.App != "" && c.file != nil && c.file.App == o.App:
			return 0, "its app is the one that is meant"
		case c.path == flytoml.Name:
			return 1, "it is at the top"
		case c.file != nil && c.file.Build.Image == "" && own != "" && strings.Contains(plain(c.file.App), plain(own)):
			return 2, fmt.Sprintf("of the apps named after %s its own comes last", own)
		case c.file != nil && c.file.Build.Image == "":
			return 3, "of the apps whose image is built here its own comes last"
		}
		return 4, "no other looks better"
	}
	slices.SortStableFunc(cc, func(a, b candidate) int {
		ra, _ := rank(a)
		rb, _ := rank(b)
		name := func(c candidate) string {
			if c.file == nil {
				return ""
			}
			return c.file.App
		}
		// Apps that replace each other have dates or numbers in their names: the last is the newest.
		return cmp.Or(cmp.Compare(ra, rb), -strings.Compare(name(a), name(b)), strings.Compare(a.path, b.path))
	})
	t.Fly, t.FlyPath, t.FlyErr = cc[0].file, cc[0].path, cc[0].err
	for _, c := range cc[1:] {
		t.FlyOthers = append(t.FlyOthers, c.path)
	}
	slices.Sort(t.FlyOthers)
	if len(cc) > 1 {
		_, t.FlyWhy = rank(cc[0])
	}
}

// foreign says whether a directory looks like another project's: it has what builds one, and is not this one's.
func (r *reader) foreign(dir string) bool {
	if dir == "." || dir == path.Dir(r.mixPath()) {
		return false
	}
	for _, name := range []string{"mix.exs", "package.json", "Dockerfile", "go.mod", "Cargo.toml", "requirements.txt"} {
		if r.has(path.Join(dir, name)) {
			return true
		}
	}
	return false
}

// plain is a name without what differs between Elixir's and the platform's way of writing it.
func plain(s string) string { return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s)) }

func (r *reader) parseFly(name string) (*flytoml.File, string) {
	src, ok := r.read(name)
	if !ok {
		return nil, "it is not there, or cannot be read"
	}
	f, err := flytoml.Parse(name, src)
	if err != nil {
		return f, err.Error()
	}
	return f, ""
}

// appName is the name of the mix project, before more of it is read.
func (r *reader) appName() string {
	if m := r.readMix(r.mixPath()); m != nil {
		return m.App
	}
	return ""
}
