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
	numRoles
)

// Theme is a compiled theme: an SGR sequence for each role. The zero value draws without any.
type Theme struct {
	Name string
	Dark bool
	// Background is the terminal background the theme wants as #rrggbb; empty: the terminal's own.
	Background string
	sgr        [numRoles]string
}

// On is the escape sequence that starts a role; empty where the role looks like plain text.
func (t *Theme) On(r Role) string {
	if t == nil || r >= numRoles {
		return ""
	}
	return t.sgr[r]
}

// Off ends every role.
const Off = "\x1b[m"
