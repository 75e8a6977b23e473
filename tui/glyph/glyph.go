// Package glyph holds the shapes the console draws with, in a Unicode and an ASCII form, and picks one of them. It
// knows no colours: what a shape means must be readable without any.
package glyph

import (
	"fmt"
	"strings"
)

// Set is one form of all shapes. Every string is one cell wide, except where its comment says otherwise.
type Set struct {
	ASCII bool // nothing but ASCII may be sent to the terminal

	OK, Warn, Crit   string // status
	Unknown, Stopped string
	Done, Queued     string
	Running          []string // frames of the spinner

	Gutter     string // left of the selected row
	Rule, Col  string // horizontal and vertical lines
	Corners    [4]string
	Up, Down   string // sort order
	Right      string // leads somewhere, opens
	Ellipsis   string // one cell, two in ASCII
	Brand      string // before the app's name
	Dot        string // between facts
	Dash       string // no value
	Enter      string // the key; five cells in ASCII
	Left       string // the key; four cells in ASCII
	Cursor     string // of a line being typed
	Spark      []string
	Bar        []string // empty, then growing to full
	StepOn     string
	StepOff    string
	PlotDot    string // one point where there is no Braille
	Braille    bool   // plots may use Braille
	Tick, Foot string // of a plot's axes: where a value is, and where they meet
	Hour       string // where a time is on the lower axis
	Limit      string // every other cell of a line that should not be crossed
	Shade      string // between the bounds of a value
	Stage      string // between the stages that something goes through
	TabL, TabR string // around the only tab shown on narrow screens
}

// Unicode is the set for UTF-8 terminals. None of it is an emoji or two cells wide.
func Unicode() *Set {
	return &Set{
		OK: "●", Warn: "▲", Crit: "■", Unknown: "◌", Stopped: "○", Done: "✓", Queued: "·",
		Running: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"},
		Gutter:  "▌", Rule: "─", Col: "│", Corners: [4]string{"╭", "╮", "╰", "╯"},
		Up: "▴", Down: "▾", Right: "›", Ellipsis: "…", Brand: "◆", Dot: "·", Dash: "—", Enter: "⏎", Left: "←", Cursor: "█",
		Spark:  []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
		Bar:    []string{"─", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
		StepOn: "▰", StepOff: "▱", PlotDot: "•", Braille: true, TabL: "‹", TabR: "›",
		Tick: "┤", Foot: "└", Hour: "┬", Limit: "╌", Shade: "░", Stage: "▸",
	}
}

// ASCII is the set for everything else.
func ASCII() *Set {
	return &Set{
		ASCII: true,
		OK:    "o", Warn: "!", Crit: "X", Unknown: "?", Stopped: "-", Done: "+", Queued: ".",
		Running: []string{"|", "/", "-", `\`},
		Gutter:  ">", Rule: "-", Col: "|", Corners: [4]string{"+", "+", "+", "+"},
		Up: "^", Down: "v", Right: ">", Ellipsis: "..", Brand: "*", Dot: ".", Dash: "-", Enter: "enter", Left: "left", Cursor: "_",
		Spark:  []string{" ", ".", ":", "-", "=", "+", "*", "#"},
		Bar:    []string{"-", "#"},
		StepOn: "#", StepOff: "-", PlotDot: "*", TabL: "<", TabR: ">",
		Tick: "+", Foot: "+", Hour: "+", Limit: "-", Shade: ":", Stage: ">",
	}
}

// Blocks is the Unicode set for fonts without Braille.
func Blocks() *Set {
	s := Unicode()
	s.Braille = false
	s.Running = []string{"▖", "▘", "▝", "▗"}
	return s
}

// Choose picks a set: mode is "unicode", "blocks", "ascii", or "auto" (also ""), which asks the environment for the locale and
// the terminal. getenv is os.Getenv or stands for it.
func Choose(mode string, getenv func(string) string) (*Set, error) {
	switch mode {
	case "unicode":
		return Unicode(), nil
	case "blocks":
		return Blocks(), nil
	case "ascii":
		return ASCII(), nil
	case "auto", "":
		if speaksUTF8(getenv) {
			return Unicode(), nil
		}
		return ASCII(), nil
	}
	return nil, fmt.Errorf("glyphs %q: want auto, unicode, blocks or ascii", mode)
}

// speaksUTF8 follows setlocale(3): the first of the three variables that is set decides. The Linux console has too
// few glyphs whatever the locale says.
func speaksUTF8(getenv func(string) string) bool {
	if t := getenv("TERM"); t == "linux" || t == "dumb" || strings.HasPrefix(t, "vt") {
		return false
	}
	for _, k := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(k); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
