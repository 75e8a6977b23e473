package source

import (
	"path"
	"strings"

	"ops-console/ops/preflight/dockerfile"
	"ops-console/ops/preflight/shell"
)

// docker reads the Dockerfile that the image is built from: the one that fly.toml names, else the one beside it, else the
// one at the top.
func (r *reader) docker() {
	t := r.tree
	var names []string
	target := ""
	values := map[string]string{}
	if f := t.Fly; f != nil {
		if f.Build.Dockerfile != "" {
			names = append(names, path.Join(path.Dir(t.FlyPath), f.Build.Dockerfile), path.Clean(f.Build.Dockerfile))
		}
		if f.Build.Image != "" || f.Build.Builder != "" || f.Build.Builtin != "" {
			return // the image comes from elsewhere
		}
		target, values = f.Build.Target, f.Build.Args
	}
	if len(names) == 0 {
		if t.FlyPath != "" {
			names = append(names, path.Join(path.Dir(t.FlyPath), "Dockerfile"))
		}
		names = append(names, "Dockerfile", path.Join(r.root(), "Dockerfile"))
	}
	for _, name := range names {
		src, ok := r.read(name)
		if !ok {
			continue
		}
		t.Dockerfile, t.Docker = name, dockerfile.Parse(src)
		t.Image = t.Docker.Image(target, values)
		return
	}
}

// release reads what the release's own scripts set: rel/env.sh.eex and rel/vm.args.eex.
func (r *reader) release() {
	t := r.tree
	for _, name := range []string{"env.sh.eex", "env.sh"} {
		p, src, ok := r.releaseFile(name)
		if !ok {
			continue
		}
		for _, c := range shell.Parse(string(src), 1) {
			at := Place{p, c.Line}
			words := c.Env
			if len(c.Words) > 0 {
				if c.Words[0] != "export" {
					continue
				}
				words = c.Words[1:]
			}
			for _, w := range words {
				if k, v, ok := strings.Cut(w, "="); ok {
					t.Exports = append(t.Exports, Variable{k, v, at})
				}
			}
		}
		break
	}
	for _, name := range []string{"vm.args.eex", "vm.args"} {
		p, src, ok := r.releaseFile(name)
		if !ok {
			continue
		}
		for i, l := range strings.Split(string(src), "\n") {
			if l = strings.TrimSpace(l); !strings.HasPrefix(l, "-") && !strings.HasPrefix(l, "+") {
				continue
			}
			k, v, _ := strings.Cut(l, " ")
			t.VMArgs = append(t.VMArgs, Variable{k, strings.TrimSpace(v), Place{p, i + 1}})
		}
		break
	}
}

// releaseFile is a file of the release's own: beneath rel, or beneath one directory in it where there is only one that has it.
func (r *reader) releaseFile(name string) (string, []byte, bool) {
	p := path.Join(r.root(), "rel", name)
	if !r.has(p) {
		if found := r.matching(func(f string) bool {
			ok, _ := path.Match(path.Join(r.root(), "rel/*", name), f)
			return ok
		}); len(found) == 1 {
			p = found[0]
		}
	}
	src, ok := r.read(p)
	return p, src, ok
}

// Set is the value that a variable has in the machines, as far as files say: from fly.toml, else from the release's env.sh,
// which is read later and so is stronger, or from the image. ok is false where none of them sets it.
func (t *Tree) Set(name string) (v Variable, ok bool) {
	for i := len(t.Exports) - 1; i >= 0; i-- {
		if t.Exports[i].Name == name {
			return t.Exports[i], true
		}
	}
	if t.Fly != nil {
		if value, ok := t.Fly.Env[name]; ok {
			return Variable{name, value, Place{t.FlyPath, t.Fly.Lines["env."+name]}}, true
		}
	}
	if value, ok := t.Image.Env[name]; ok {
		return Variable{name, value.Text, Place{t.Dockerfile, value.Line}}, true
	}
	return Variable{}, false
}
