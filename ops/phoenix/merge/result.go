package merge

import (
	"fmt"
	"slices"

	"ops-console/ops/phoenix"
)

// Choice is what to take of a file.
type Choice struct {
	Path  string // as File.Path
	Hunks []int  // of File.Hunks; nil: all that are not there already
}

// Result is what a file becomes with some of its hunks taken (nil: all), and how many conflicts are in it. Hunks that are
// not taken leave the application's lines as they are. The text has the application's secrets: it is for its own files.
func (f File) Result(p Plan, hunks []int) (out phoenix.File, conflicts int, err error) {
	if !f.Actionable() {
		return out, 0, fmt.Errorf("%s: there is nothing to take, it is %s", f.Path(), f.State)
	}
	for _, h := range hunks {
		if h < 0 || h >= len(f.Hunks) {
			return out, 0, fmt.Errorf("%s has hunks 0 to %d, not %d", f.Path(), len(f.Hunks)-1, h)
		}
	}
	out.Executable = f.new.Executable || f.mine.Executable
	if f.text.Chunks == nil {
		if hunks != nil {
			return out, 0, fmt.Errorf("%s is not text: take it whole", f.Path())
		}
		out.Data = f.new.Data
		return out, 0, nil
	}
	taken := map[int]bool{}
	for i, h := range f.Hunks {
		if hunks == nil || slices.Contains(hunks, i) {
			taken[h.chunk] = true
		}
	}
	text := f.text.Choose(p.labels(), func(i int, c Chunk) bool {
		if taken[i] && c.Kind == Conflict {
			conflicts++
		}
		return taken[i]
	})
	out.Data = []byte(text)
	return out, conflicts, nil
}

// labels name the texts of a conflict in the file that it is written to.
func (p Plan) labels() Labels {
	name := func(s phoenix.Spec) string {
		if (s.Version == phoenix.Version{}) {
			return "generated"
		}
		return "phoenix " + s.Version.String()
	}
	return Labels{Mine: "yours", Base: name(p.Base), Theirs: name(p.New)}
}

// work is one file to write.
type work struct {
	file      File
	target    string
	out       phoenix.File
	conflicts int
}

// works turns choices into what to write, each file once.
func (p Plan) works(choices []Choice) ([]work, error) {
	var out []work
	targets := map[string]string{}
	for _, c := range choices {
		f, ok := p.File(c.Path)
		if !ok {
			return nil, fmt.Errorf("%q is no file of this upgrade", c.Path)
		}
		result, conflicts, err := f.Result(p, c.Hunks)
		if err != nil {
			return nil, err
		}
		target := f.Target()
		if other, twice := targets[target]; twice {
			return nil, fmt.Errorf("%s and %s would both become %s: choose one", other, f.Path(), target)
		}
		targets[target] = f.Path()
		out = append(out, work{f, target, result, conflicts})
	}
	return out, nil
}
