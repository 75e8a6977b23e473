package merge

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"path"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
)

// Classify sets an application's files against what the generator made of them then, and makes now. The trees of the
// generator have the application's names. Trees without files are an error.
func Classify(base, new, mine *phoenix.Tree, o Options) (Plan, error) {
	if mine == nil || len(mine.Files) == 0 {
		return Plan{}, fmt.Errorf("classify the application's files: it has none; give the directory with its mix.exs")
	}
	pairs, err := diff.Trees(base, new, diff.Options{Raw: true})
	if err != nil {
		return Plan{}, err
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	c := &classifier{base: base, new: new, mine: mine, options: o, taken: map[string]bool{}, byKey: map[string]string{}}
	for p := range mine.Files {
		c.byKey[diff.Key(p)] = p
	}
	for _, p := range pairs {
		c.taken[p.Old], c.taken[p.New] = true, true
	}
	plan := Plan{Base: base.Spec, New: new.Spec}
	for _, p := range pairs {
		f, err := c.file(p)
		if err != nil {
			return Plan{}, err
		}
		plan.Files = append(plan.Files, f)
	}
	slices.SortStableFunc(plan.Files, func(a, b File) int { return cmp.Compare(a.Path(), b.Path()) })
	return plan, nil
}

type classifier struct {
	base, new, mine *phoenix.Tree
	options         Options
	taken           map[string]bool   // paths of the generator
	byKey           map[string]string // the application's paths, without timestamps
	byExt           map[string][]string
}

func (c *classifier) file(p diff.Pair) (File, error) {
	f := File{Base: p.Old, New: p.New, Relations: p.Relations, Collapse: p.Collapse, base: p.OldFile, new: p.NewFile}
	c.find(&f)
	if f.Mine != "" {
		f.mine = c.mine.Files[f.Mine]
	}
	c.override(&f)
	if err := f.graft(c.options.Rand); err != nil {
		return f, fmt.Errorf("make new secrets for %s: %w", f.Path(), err)
	}
	f.classify()
	return f, nil
}

// find looks for the application's file: where the generator has it now, where it had it, or something like it.
func (c *classifier) find(f *File) {
	if at, ok := c.at(f.New); ok {
		f.Mine, f.Found = at, diff.ByPath
		if f.Base != "" && diff.Key(f.Base) != diff.Key(f.New) {
			f.Found = diff.ByRule
			f.Left, _ = c.at(f.Base)
		}
		return
	}
	if at, ok := c.at(f.Base); ok {
		f.Mine, f.Found = at, diff.ByPath
		return
	}
	if f.Base == "" || len(f.base.Data) < minLength || f.Collapse != "" {
		return
	}
	if at, ok := c.alike(f); ok {
		f.Mine, f.Found = at, diff.ByLikeness
	}
}

// at is where the application has a path of the generator's; it may have another timestamp.
func (c *classifier) at(p string) (string, bool) {
	if p == "" {
		return "", false
	}
	if _, ok := c.mine.Files[p]; ok {
		return p, true
	}
	at, ok := c.byKey[diff.Key(p)]
	return at, ok
}

// minLength, in bytes, of a file that is looked for by likeness: the shortest ones are like too many.
const minLength = 200

// alike is the application's file that has the most in common with a generated one, if that is more than half; it has
// the same kind of name, and is none of the generator's.
func (c *classifier) alike(f *File) (string, bool) {
	best, at := 50, ""
	size := len(f.base.Data)
	for _, p := range c.candidates(path.Ext(f.Base)) {
		m := c.mine.Files[p].Data
		if 2*min(len(m), size) < max(len(m), size) {
			continue
		}
		if s := diff.Likeness(string(f.base.Data), strings.ReplaceAll(string(m), "\r\n", "\n")); s > best {
			best, at = s, p
		}
	}
	return at, at != ""
}

// candidates are the application's files of a kind that are none of the generator's.
func (c *classifier) candidates(ext string) []string {
	if c.byExt == nil {
		c.byExt = map[string][]string{}
		for _, p := range c.mine.Paths() {
			if !c.taken[p] {
				c.byExt[path.Ext(p)] = append(c.byExt[path.Ext(p)], p)
			}
		}
	}
	return c.byExt[ext]
}

// override takes another base for a file where one is given.
func (c *classifier) override(f *File) {
	for _, p := range []string{f.Mine, f.Base, diff.Key(cmp.Or(f.New, f.Base))} {
		tree := c.options.Bases[p]
		if tree == nil {
			continue
		}
		for _, q := range []string{f.Base, f.New, f.Mine} {
			if b, ok := tree.Files[q]; ok && q != "" {
				f.Base, f.base = q, b
				return
			}
		}
	}
}

func (f *File) classify() {
	has := f.Mine != ""
	same := func(a, b phoenix.File) bool { return bytes.Equal(a.Data, b.Data) }
	switch {
	case f.New == "" && !has:
		f.State = Gone
	case f.New == "" && same(f.mine, f.base):
		f.State = Dropped
	case f.New == "":
		f.State = Kept
	case f.Base == "" && !has:
		f.State = New
	case f.Base == "" && same(f.mine, f.new):
		f.State = Has
	case f.Base == "":
		f.State = Own
	case !has:
		f.State = Absent
	case f.Base == f.New && same(f.base, f.new):
		f.State = Unchanged
	case same(f.mine, f.new) && f.Target() == f.Mine:
		f.State = Has
	case same(f.mine, f.base):
		f.State = Untouched
	case !f.isText():
		f.State = Differs
	case marked(string(f.mine.Data)):
		f.State = Marked
	default:
		f.State = Applied
	}
	f.compare()
}

// marked says whether conflicts were written into a text, and are in it still.
func marked(text string) bool {
	text = "\n" + text
	return strings.Contains(text, "\n<<<<<<< ") && strings.Contains(text, "\n>>>>>>> ")
}

// Marker is the line of the application's file with the first conflict marker, counted from 1; 0: there is none.
func (f File) Marker() int {
	n := 0
	for line := range strings.Lines(string(f.mine.Data)) {
		n++
		if strings.HasPrefix(line, "<<<<<<< ") {
			return n
		}
	}
	return 0
}

func (f *File) isText() bool {
	return !diff.Binary(f.mine.Data) && !diff.Binary(f.base.Data) && !diff.Binary(f.new.Data)
}

// compare tells the hunks apart, for files where there is something to take, or not to.
func (f *File) compare() {
	if !f.isText() || !slices.Contains([]State{Untouched, Applied, New, Own}, f.State) {
		return
	}
	f.text = Three(string(f.base.Data), string(f.mine.Data), string(f.new.Data))
	f.hunks()
	if f.State != Applied {
		return
	}
	f.OnlyFormat = diff.SameButFormat(string(f.mine.Data), string(f.base.Data))
	if f.Target() != f.Mine {
		f.State = Merges
	}
	for _, h := range f.Hunks {
		switch h.State {
		case Contended, Likely:
			f.State = Conflicts
			return
		case Applies:
			f.State = Merges
		}
	}
}

// hunks reads the generator's changes off the merge.
func (f *File) hunks() {
	shown := f.shown()
	mine := map[string]bool{}
	for _, l := range f.text.mine {
		mine[strings.TrimSpace(l)] = true
	}
	for i, c := range f.text.Chunks {
		var s HunkState
		switch c.Kind {
		case Theirs:
			s = Applies
		case Both:
			s = Already
		case Conflict:
			s = Contended
			if likely(c.Theirs, mine) {
				s = Likely
			}
		default:
			continue
		}
		f.Hunks = append(f.Hunks, Hunk{
			State: s, AtMine: c.AtMine + 1, chunk: i,
			Base: shown.base[c.AtBase : c.AtBase+len(c.Base)],
			Mine: shown.mine[c.AtMine : c.AtMine+len(c.Mine)],
			New:  shown.new[c.AtTheirs : c.AtTheirs+len(c.Theirs)],
		})
	}
}

// likely says whether all lines, blank ones apart, are among mine.
func likely(ll []string, mine map[string]bool) bool {
	some := false
	for _, l := range ll {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if !mine[l] {
			return false
		}
		some = true
	}
	return some
}
