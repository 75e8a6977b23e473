package source

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
)

// Rename gives a tree the names of another application, as text: its generator is not run. For the versions up to 1.5 that
// is what the generator would have written. From 1.6 on the generator formats its configuration, so lines are wrapped and
// joined again as Elixir's formatter does where a longer or shorter name calls for it; and where the module is not what the
// generator makes of the application's name, the configuration says so in a line `namespace:`. notes name what may still
// differ.
func Rename(t *phoenix.Tree, app, module string) (*phoenix.Tree, []string) {
	from, to := t.Spec, t.Spec
	to.App, to.Module = app, module
	if from.App == app && from.Module == module {
		return t, nil
	}
	out := &phoenix.Tree{Spec: to, Files: make(map[string]phoenix.File, len(t.Files)), Provenance: t.Provenance}
	out.Provenance.Substituted = true
	r := renamer{from: from, to: to}
	for p, f := range t.Files {
		named := bytes.ReplaceAll([]byte(p), []byte(from.App), []byte(app))
		out.Files[string(named)] = phoenix.File{Data: r.text(p, f.Data), Executable: f.Executable}
	}
	var notes []string
	if r.needsNamespace() && !r.namespaced && to.Axis == phoenix.Project {
		notes = append(notes, "the generator would have said namespace: "+module+" in its configuration")
	}
	slices.Sort(r.grown)
	for _, p := range r.grown {
		notes = append(notes, p+" has a line that the generator may have wrapped")
	}
	return out, notes
}

type renamer struct {
	from, to   phoenix.Spec
	namespaced bool     // a line was put in
	grown      []string // files with a line that became too long for the formatter
}

func (r *renamer) needsNamespace() bool {
	return Camelize(r.to.App) != r.to.Module && Camelize(r.from.App) == r.from.Module
}

// formats says whether the generator passes a file through Elixir's formatter: the configuration that it puts together from
// several templates. Up to 1.7.7 that of a single application came of one, but for what has a database in it.
func (r *renamer) formats(p string) bool {
	dir, file := path.Split(p)
	switch {
	case r.to.Version.Before(formatted) || dir != "config/" || path.Ext(file) != ".exs":
		return false
	case projectFlags(r.to)["umbrella"] == "true" || !r.to.Version.Before(formattedWhole):
		return true
	}
	return projectFlags(r.to)["ecto"] != "false" && (file == "dev.exs" || file == "test.exs" || file == "runtime.exs")
}

var (
	formatted      = phoenix.MustVersion("1.6.0-rc.0")
	formattedWhole = phoenix.MustVersion("1.7.8")
)

// text of a file with the new names. A file that is not text cannot have names in it.
func (r *renamer) text(p string, data []byte) []byte {
	if bytes.IndexByte(data, 0) >= 0 {
		return data
	}
	out := bytes.ReplaceAll(data, []byte(r.from.App), []byte(r.to.App))
	out = bytes.ReplaceAll(out, []byte(r.from.Module), []byte(r.to.Module))
	if r.formats(p) {
		var grown bool
		if out, grown = reformat(data, out); grown {
			r.grown = append(r.grown, p)
		}
	}
	if r.needsNamespace() && path.Base(p) == "config.exs" && path.Base(path.Dir(p)) == "config" {
		out = r.namespace(out)
	}
	return out
}

var firstOption = regexp.MustCompile(`(?m)^config :([a-z0-9_]+),\n  (?:ecto_repos|generators): `)

// namespace puts the line in where the generator has it: first among the options of the application itself.
func (r *renamer) namespace(text []byte) []byte {
	var out []byte
	last := 0
	for _, m := range firstOption.FindAllSubmatchIndex(text, -1) {
		module := ""
		switch string(text[m[2]:m[3]]) {
		case r.to.App:
			module = r.to.Module
		case r.to.App + "_web":
			module = r.to.Module + "Web"
		default:
			continue
		}
		at := m[3] + len(",\n")
		out = append(out, text[last:at]...)
		out = append(out, "  namespace: "+module+",\n"...)
		last = at
		r.namespaced = true
	}
	return append(out, text[last:]...)
}

// lineWidth is what Elixir's formatter aims at.
const lineWidth = 98

// onePair is a call with two arguments or more before a single option that ends on the same line.
var (
	oneLine = regexp.MustCompile(`^(config :[a-z0-9_]+, [A-Z][A-Za-z0-9_.]*,) ([a-z_]+: .*[^,\[{(])$`)
	calling = regexp.MustCompile(`^config :[a-z0-9_]+, [A-Z][A-Za-z0-9_.]*,$`)
	option  = regexp.MustCompile(`^  [a-z_]+: .*[^,\[{(]$`)
)

// reformat wraps and joins lines of configuration after a renaming, as the formatter does with a call that has one option:
// on one line where that fits. was is the text with the names that it was formatted for, line for line the same. grown says
// that another line became too long.
func reformat(was, is []byte) (text []byte, grown bool) {
	old, lines := strings.Split(string(was), "\n"), strings.Split(string(is), "\n")
	if len(old) != len(lines) {
		return is, false
	}
	var out []string
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if m := oneLine.FindStringSubmatch(l); m != nil && len([]rune(l)) > lineWidth {
			out = append(out, m[1], "  "+m[2])
			continue
		}
		if i+1 < len(lines) && calling.MatchString(l) && option.MatchString(lines[i+1]) {
			joined := l + " " + strings.TrimSpace(lines[i+1])
			before := old[i] + " " + strings.TrimSpace(old[i+1])
			if len([]rune(joined)) <= lineWidth && len([]rune(before)) > lineWidth {
				out = append(out, joined)
				i++
				continue
			}
		}
		grown = grown || len([]rune(l)) > lineWidth && len([]rune(old[i])) <= lineWidth && !strings.HasPrefix(strings.TrimSpace(l), "#")
		out = append(out, l)
	}
	return []byte(strings.Join(out, "\n")), grown
}
