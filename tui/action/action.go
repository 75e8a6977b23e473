// Package action holds what can be done in the console as data. One table of Actions drives key dispatch, the help
// screen, the palette, the command line, read-only mode, the audit record and the generated key documentation.
package action

import tea "charm.land/bubbletea/v2"

// Danger says what an action can do to the world.
type Danger uint8

// The dangers. Everything above Looks is refused until the console is armed.
const (
	Looks    Danger = iota // changes nothing outside the console
	Changes                // changes something that can be changed back
	Destroys               // cannot be undone
)

// Action is one thing that can be done now.
type Action struct {
	Name     string   // stable, what ":" and the palette call it: "instances", "sort", "wg rejoin"
	Help     string   // a few words for the help row and screen
	About    string   // a sentence for the help screen and the documentation; empty: Help says it all
	Keys     []string // as tea.KeyPressMsg.String() spells them; the first one is shown
	Hidden   bool     // not on the help row; still in help and palette
	Danger   Danger
	Plan     string                       // a sentence on what it would do now, to be confirmed; empty: the Sentence
	Undo     string                       // how it can be taken back, where a confirmation would say that it cannot
	Touches  []Touch                      // what it changes, a line each; shown before it is confirmed
	Disabled string                       // why it cannot be done now; empty: it can
	Command  string                       // the equivalent command line; empty where there is none
	Args     func(prefix string) []string // completion of the argument on the ":" line; nil: takes none
	Run      func(arg string) tea.Cmd
}

// Touch is one thing that an action changes, or one fact to know before it is confirmed.
type Touch struct {
	What, How string
	Warn      bool // it deserves a second look
}

// Sentence is what the action does, in as many words as there are.
func (a *Action) Sentence() string {
	if a.About != "" {
		return a.About
	}
	return a.Help
}
