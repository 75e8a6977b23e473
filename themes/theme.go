// Package themes holds the colours of the console: the six themes it ships, and the loader of a user's own. It knows
// roles and escape sequences, never what is drawn with them.
package themes

// Role is a meaning a piece of text can have. A theme gives each one its look.
type Role uint8

// The roles. Status roles never stand alone: a glyph and a word say the same.
const (
	Plain    Role = iota // ordinary text
	Muted                // most rows: healthy is quiet
	Faint                // hints, rules behind dialogs
	Border               // rules and column lines
	Accent               // keys, the active tab, focus
	Title                // headings
	Selected             // the selected row, over everything else
	OK
	Warn
	Crit
	Info    // our own work in progress
	Pending // waiting for something else
	Stale   // we do not know
	Prod    // production dialogs and the ARMED chip
	Add
	Del
	Hunk
	Keyword
	String
	Comment
	Number
	Type
	Plot1
	Plot2
	Plot3
	Plot4
	Plot5
	Plot6
	Overlay // the ground of dialogs
	Strong  // ordinary text that matters more
	Active  // the active tab
	numRoles
)

// Ground is what a role is drawn on.
type Ground uint8

// The grounds. Raised is the identity row, Over the ground of dialogs; Added and Removed are lines of a diff, AddedWord and
// RemovedWord what changed within them.
const (
	Base Ground = iota
	Selection
	Raised
	Over
	Added
	Removed
	AddedWord
	RemovedWord
	numGrounds
)

// Theme is a compiled theme: an SGR sequence for each role on each ground. The zero value draws without any.
type Theme struct {
	Name string
	Dark bool
	Mono bool // has no colours: roles differ by weight only
	// Background and Foreground are what the theme wants the terminal's own colours to be, as #rrggbb; empty: as they
	// are.
	Background string
	Foreground string
	sgr        [numGrounds][numRoles]string
}

// On is the escape sequence that starts a role on the base ground; empty where there is nothing to say. It sets the
// whole state of the cell: no sequence has to be ended before it.
func (t *Theme) On(r Role) string { return t.OnGround(Base, r) }

// OnGround is On for another ground: the same role on the selected row, on the identity row, in a dialog.
func (t *Theme) OnGround(g Ground, r Role) string {
	if t == nil || r >= numRoles || g >= numGrounds {
		return ""
	}
	return t.sgr[g][r]
}

// Off ends every role.
const Off = "\x1b[m"
