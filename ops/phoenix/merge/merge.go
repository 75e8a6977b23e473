// Package merge says what a new version of Phoenix means for the files of an application that an older one generated:
// file by file and hunk by hunk, what was never touched, what the application has already, what merges, what conflicts. It
// applies what is chosen, in a working tree that git can restore.
//
// It never deletes a file, never calls a conflict clean that git would not, and never shows a secret of the application:
// what it shows is masked, what it writes into the application's own files is not.
package merge

import (
	"io"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
)

// State is what a file of the generator is to the application.
type State string

// The states of a file.
const (
	Unchanged State = "unchanged"        // the generator makes it as before: nothing to do
	Untouched State = "untouched"        // the application never changed it: take the new one
	Has       State = "has it"           // the application's file is the new one already
	Merges    State = "merges"           // customised, and what is new merges cleanly
	Applied   State = "applied"          // customised, and all that is new is there already
	Conflicts State = "conflicts"        // customised, and some of what is new conflicts
	Differs   State = "differs"          // customised, and not text
	Marked    State = "unresolved"       // conflict markers are in it: resolve them first
	New       State = "new"              // the generator makes it now, and the application has nothing there
	Own       State = "own"              // the generator makes it now, and the application has a file of its own there
	Absent    State = "absent"           // the application does not have it: deleted, or moved beyond recognition
	Dropped   State = "dropped"          // the generator no longer makes it; the application never changed it
	Kept      State = "dropped, changed" // the generator no longer makes it; the application customised it
	Gone      State = "dropped, gone"    // the generator no longer makes it, and the application does not have it
)

// States in the order of what asks for a decision first.
var States = []State{Marked, Conflicts, Differs, Own, Merges, Untouched, New, Absent, Kept, Dropped, Applied, Has, Gone, Unchanged}

// HunkState is what one of the generator's changes is to the application's file.
type HunkState string

// The states of a hunk.
const (
	Applies   HunkState = "applies"
	Already   HunkState = "already there"
	Likely    HunkState = "likely there" // it conflicts, but every line it adds is somewhere in the file
	Contended HunkState = "conflicts"
)

// File is one file in three trees.
type File struct {
	Base, New, Mine string // paths; empty: that tree does not have it
	State           State
	Found           diff.By // how Mine was found: by path, by a rule of the generator's moves, by likeness
	Hunks           []Hunk  // the generator's changes, where State lets them be told apart
	Left            string  // the generator moved the file, and the old one is still in the application as well
	Relations       []diff.Relation
	Collapse        string // as diff.Pair has it
	OnlyFormat      bool   // the application's changes are spaces, parentheses and commas

	text    Text
	mine    phoenix.File
	base    phoenix.File // with the application's own secrets, as new is
	new     phoenix.File
	covered []bool // by line of mine: it holds a secret
}

// Hunk is one of the generator's changes against the application's file. The lines have no ends, and secrets are masked.
type Hunk struct {
	State           HunkState
	AtMine          int // first line in the application's file, counted from 1
	Base, Mine, New []string

	chunk int
}

// Path names the file: the application's, or where the generator has it.
func (f File) Path() string {
	for _, p := range []string{f.Mine, f.New} {
		if p != "" {
			return p
		}
	}
	return f.Base
}

// String is the file's path and state: no text of it, which may hold secrets.
func (f File) String() string { return f.Path() + ": " + string(f.State) }

// GoString is String.
func (f File) GoString() string { return f.String() }

// Target is where the new text goes: the application's file, or where the generator has moved it.
func (f File) Target() string {
	if f.New != "" && (f.Mine == "" || f.Mine == f.Base) {
		return f.New
	}
	return f.Mine
}

// Actionable says whether there is something to take from the generator.
func (f File) Actionable() bool {
	switch f.State {
	case Untouched, Merges, Conflicts, New:
		return true
	}
	return false
}

// Options of a classification.
type Options struct {
	// Bases are other base trees for single files, by their path in the application or in the base, or as their done mark
	// goes by: where an application took over a newer version of a file than of the rest.
	Bases map[string]*phoenix.Tree
	// Rand is where new secrets come from, such as crypto/rand.Reader: a tree from a snapshot has secrets that everybody
	// can read.
	Rand io.Reader
}

// Plan is an upgrade: every file of the generator's two trees, against the application.
type Plan struct {
	Base, New phoenix.Spec
	Files     []File // by Path
}

// Count is how many files are in each state.
func (p Plan) Count() map[State]int {
	m := map[State]int{}
	for _, f := range p.Files {
		m[f.State]++
	}
	return m
}

// CountHunks is how many hunks of customised files are in each state.
func (p Plan) CountHunks() map[HunkState]int {
	m := map[HunkState]int{}
	for _, f := range p.Files {
		switch f.State {
		case Merges, Applied, Conflicts:
			for _, h := range f.Hunks {
				m[h.State]++
			}
		}
	}
	return m
}

// File by its path in the application, or in one of the generator's trees.
func (p Plan) File(at string) (File, bool) {
	for _, f := range p.Files {
		if f.Path() == at {
			return f, true
		}
	}
	for _, f := range p.Files {
		if f.New == at || f.Base == at {
			return f, true
		}
	}
	return File{}, false
}
