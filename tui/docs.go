package tui

import (
	"strings"

	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// Keys is the documentation of all keys and commands as Markdown: docs/keys.md.
func Keys(panes []pane.Pane) (string, error) {
	m, err := New(Options{Panes: panes, Env: []string{}})
	if err != nil {
		return "", err
	}
	defer func() { _ = m.Close() }() // it has no session that could say anything
	var b strings.Builder
	b.WriteString(`# Keys

This file is written by a test from the table of actions that the console itself runs
(` + "`UPDATE_GOLDEN=1 go test ./tui -run Keys`" + `). The same list, with a search, is behind ` + "`?`" + `.

The name of an action is what the ` + "`:`" + ` line and the palette (` + "`ctrl+p`" + `) call it, and what it is given other
keys by. A dialog closes with ` + "`esc`" + `; what changes something outside is refused until the console is armed with
` + "`A`" + `, and asked for then.
`)
	section := func(title string, aa []action.Action) {
		b.WriteString("\n## " + title + "\n\n| keys | name | what it does |\n|---|---|---|\n")
		for _, a := range aa {
			keys := make([]string, len(a.Keys))
			for i, k := range a.Keys {
				keys[i] = "`" + strings.ReplaceAll(k, "|", `\|`) + "`"
			}
			what := a.Sentence()
			switch {
			case a.Danger == action.Changes:
				what += " (needs arming)"
			case a.Danger == action.Destroys && a.Undo != "":
				what += " (needs arming, and the application's name typed)"
			case a.Danger == action.Destroys:
				what += " (needs arming; cannot be undone)"
			}
			b.WriteString("| " + strings.Join(keys, " ") + " | " + a.Name + " | " + what + " |\n")
		}
	}
	section("Everywhere", m.global)
	for _, p := range panes {
		section(p.Name(), p.Actions())
	}
	b.WriteString(`
## While something is typed

| keys | what they do |
|---|---|
| ` + "`enter`" + ` | take it |
| ` + "`esc`" + ` | leave it |
| ` + "`tab`" + ` | complete the command |
| ` + "`up` `down`" + ` | earlier and later commands; in the filter, the row above and below |
| ` + "`ctrl+a` `ctrl+e` `ctrl+w` `ctrl+u` `ctrl+k`" + ` | as in a shell |

The filter takes words that all have to match: ` + "`fra 503`" + `. ` + "`!word`" + ` must not match, ` + "`~word`" + ` needs its letters in that
order only, and a word with any of ` + "`. * + ? ( [ { | ^ $ \\`" + ` is a regular expression.
`)
	return b.String(), nil
}
