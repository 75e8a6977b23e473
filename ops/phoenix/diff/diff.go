// Package diff sets two generated trees side by side: which file became which, what changed in them line by line and word
// by word, and a patch that turns one tree into the other, byte for byte.
//
// What is shown and what is patched differ on purpose. Shown text is Normalise'd: random values, timestamps and the
// names of two differently named applications are no change. The patch knows no such mercy.
//
// It reads no files and asks nobody. Text in its results is as the trees have it: who brings it to a terminal cleans it.
package diff

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff/lines"
)

// Options of a comparison.
type Options struct {
	// Raw shows what the generators wrote, random values and all.
	Raw bool
}

// Status is what happened to a file.
type Status string

// What can happen to a file. A file that moved is Same or Changed as well; see Pair.Moved.
const (
	Same    Status = "same"
	Changed Status = "changed"
	Added   Status = "added"
	Removed Status = "removed"
)

// By is how the two sides of a pair were found to belong together.
type By string

// How pairs are found, in the order in which it is tried.
const (
	ByPath     By = "path"     // same path, but for the application's name and timestamps
	ByContent  By = "content"  // the same bytes elsewhere
	ByRule     By = "rule"     // a move that Phoenix made, by the table of this package
	ByLikeness By = "likeness" // half of the text or more
)

// Only is what a change comes down to, when that is less than a change.
type Only string

// What a change can come down to.
const (
	OnlyNoise       Only = "noise"       // random values, timestamps, line ends: nothing to show
	OnlyRequirement Only = "requirement" // mix.exs asks for another version of Phoenix
	OnlyFormat      Only = "format"      // spaces, parentheses, trailing commas
	OnlyMode        Only = "mode"        // executable or not
)

// Pair is a file of the old tree and what it became in the new one.
type Pair struct {
	Old, New   string // paths; empty: that tree does not have it
	Status     Status
	By         By
	Since      phoenix.Version // of the move, for ByRule
	Similarity int             // in percent of the larger file, for files that have another path; 100 if nothing changed

	Relations []Relation // what else became of the file, or of what else it was made
	Only      Only       // empty: a real change, or none
	Collapse  string     // why a view leaves the text out: binary, vendored, static; empty: it does not

	Added, Removed int // lines, as shown

	OldFile, NewFile phoenix.File

	old, new []string // as shown
	changes  []lines.Change
	plain    bool                   // what is shown is what the files say
	hide     func(line string) bool // what a patch must not have; nil: nothing
	timed    bool                   // the paths differ by a timestamp or by the applications' names only
}

// Relation ties a file to one that is not its pair. It is a note for people: never the base of a merge.
type Relation struct {
	Kind  RelationKind
	Path  string
	Since phoenix.Version
}

// RelationKind is how two files that are no pair belong together.
type RelationKind string

// The relations, as the file that carries them sees it.
const (
	AbsorbedBy RelationKind = "absorbed by" // what it said is said in that file now
	Absorbs    RelationKind = "absorbs"     // it took over what that file said
	SplitFrom  RelationKind = "split from"  // it took over a part of that file, which went on elsewhere
	SplitInto  RelationKind = "split into"
)

// Path is where the file is now, or was last.
func (p Pair) Path() string { return cmp.Or(p.New, p.Old) }

// Moved says whether the file has another path than before, timestamps and the applications' names apart.
func (p Pair) Moved() bool { return p.Old != "" && p.New != "" && p.Old != p.New && !p.timed }

// Stat counts pairs by what happened to them.
type Stat struct {
	Same, Changed, Added, Removed int // files
	Moved                         int // files, of Same and Changed
	Related                       int // files that were absorbed by others, or split from them
	LinesAdded, LinesRemoved      int
}

// Total counts pairs and their lines.
func Total(pairs []Pair) Stat {
	var s Stat
	for _, p := range pairs {
		switch p.Status {
		case Same:
			s.Same++
		case Changed:
			s.Changed++
		case Added:
			s.Added++
		case Removed:
			s.Removed++
		}
		if p.Moved() {
			s.Moved++
		}
		for _, r := range p.Relations {
			if r.Kind == AbsorbedBy || r.Kind == SplitInto {
				s.Related++
			}
		}
		s.LinesAdded += p.Added
		s.LinesRemoved += p.Removed
	}
	return s
}

// Trees pairs the files of two trees and compares each pair. The pairs are sorted by Path; files that are the same are
// among them. A tree without files is an error, since all would seem to be removed, or added; so is a path that could
// leave the tree.
func Trees(old, new *phoenix.Tree, o Options) ([]Pair, error) {
	for side, t := range map[string]*phoenix.Tree{"old": old, "new": new} {
		if err := check(t); err != nil {
			return nil, fmt.Errorf("compare generated trees: the %s one %w", side, err)
		}
	}
	n := namesOf(old, new)
	pairs := match(old, new, n)
	for i := range pairs {
		p := &pairs[i]
		p.compare(o, n)
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(strings.Compare(a.Path(), b.Path()), strings.Compare(a.Old, b.Old))
	})
	return pairs, nil
}

func check(t *phoenix.Tree) error {
	if t == nil || len(t.Files) == 0 {
		return fmt.Errorf("has no files; get it again, or choose another source")
	}
	for p := range t.Files {
		if err := CheckPath(p); err != nil {
			return err
		}
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if _, ok := t.Files[dir]; ok {
				return fmt.Errorf("has a file %q and a file %q beneath it", dir, p)
			}
		}
	}
	return nil
}

// CheckPath says what is wrong with the path of a file in a tree: it must stay within, and out of git's own directory.
func CheckPath(p string) error {
	switch {
	case p == "" || path.IsAbs(p) || path.Clean(p) != p || p == ".":
		return fmt.Errorf("has a file with the path %q, which is not a plain relative path", p)
	case strings.Contains(p, "\x00"):
		return fmt.Errorf("has a file with the path %q, with a zero byte", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." || strings.EqualFold(part, ".git") {
			return fmt.Errorf("has a file with the path %q, outside of the project", p)
		}
	}
	return nil
}

// compare fills in what a pair's two files have to do with each other.
func (p *Pair) compare(o Options, n names) {
	switch {
	case p.Old == "":
		p.Status = Added
	case p.New == "":
		p.Status = Removed
	case p.OldFile.Executable == p.NewFile.Executable && string(p.OldFile.Data) == string(p.NewFile.Data):
		p.Status = Same
	default:
		p.Status = Changed
	}
	p.Collapse = collapse(*p)
	if p.Status == Same {
		p.Similarity = 100
		return
	}
	if p.Collapse == collapsedBinary {
		if p.Status == Changed && string(p.OldFile.Data) == string(p.NewFile.Data) {
			p.Only = OnlyMode
		}
		p.Similarity = similarity(nil, nil, p.OldFile.Data, p.NewFile.Data)
		return
	}
	old, new := p.shown(p.Old, p.OldFile, o, &n), p.shown(p.New, p.NewFile, o, nil)
	p.plain = old == string(p.OldFile.Data) && new == string(p.NewFile.Data)
	p.old, p.new = lines.Split(old), lines.Split(new)
	p.changes = lines.Readable(p.old, p.new)
	for _, c := range p.changes {
		p.Added += c.Added
		p.Removed += c.Removed
	}
	if p.Status == Changed {
		if p.Old != p.New {
			p.Similarity = similarity(p.old, p.new, nil, nil)
		}
		p.Only = p.only()
	}
}

// shown is a file's text as views have it.
func (p *Pair) shown(at string, f phoenix.File, o Options, n *names) string {
	text := string(f.Data)
	if o.Raw || at == "" {
		return text
	}
	text = Normalise(at, text)
	if n != nil {
		text = n.replace(text)
	}
	return text
}

func (p *Pair) only() Only {
	switch {
	case len(p.changes) == 0 && string(p.OldFile.Data) == string(p.NewFile.Data):
		return OnlyMode
	case len(p.changes) == 0:
		return OnlyNoise
	case p.onlyRequirement():
		return OnlyRequirement
	case p.onlyFormat():
		return OnlyFormat
	}
	return ""
}
