// Package prompt is one line being typed. It knows nothing of what the text is for.
package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"ops-console/themes"
	"ops-console/tui/paint"
)

// longest bounds what can be typed or pasted, in bytes.
const longest = 1000

// Prompt is the text and the place of the cursor in it. The zero value is empty.
type Prompt struct {
	text string
	at   int // byte offset, always at the start of a rune
}

// Text is what was typed.
func (p *Prompt) Text() string { return p.text }

// Set replaces the text and puts the cursor at its end.
func (p *Prompt) Set(s string) { p.text, p.at = clean(s), len(clean(s)) }

// clean keeps the first line of s, without what cannot be seen.
func clean(s string) string {
	s, _, _ = strings.Cut(strings.TrimLeft(s, "\r\n"), "\n")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	for len(s) > longest {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// Insert puts text in at the cursor: only its first line, and never more than fits.
func (p *Prompt) Insert(s string) {
	s = clean(s)
	if len(p.text)+len(s) > longest {
		return
	}
	p.text = p.text[:p.at] + s + p.text[p.at:]
	p.at += len(s)
}

// Key takes a key, and says whether it was one for editing.
func (p *Prompt) Key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		p.at -= p.before()
	case "right", "ctrl+f":
		p.at += p.after()
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = len(p.text)
	case "backspace", "ctrl+h":
		p.cut(p.at-p.before(), p.at)
	case "delete", "ctrl+d":
		p.cut(p.at, p.at+p.after())
	case "ctrl+u":
		p.cut(0, p.at)
	case "ctrl+k":
		p.cut(p.at, len(p.text))
	case "ctrl+w", "alt+backspace":
		from := strings.LastIndexByte(strings.TrimRight(p.text[:p.at], " "), ' ') + 1
		p.cut(from, p.at)
	default:
		if k.Text == "" || k.Mod&^tea.ModShift != 0 {
			return false
		}
		p.Insert(k.Text)
	}
	return true
}

func (p *Prompt) before() int {
	_, n := utf8.DecodeLastRuneInString(p.text[:p.at])
	return n
}

func (p *Prompt) after() int {
	_, n := utf8.DecodeRuneInString(p.text[p.at:])
	return n
}

func (p *Prompt) cut(from, to int) {
	p.text = p.text[:from] + p.text[to:]
	p.at = from
}

// Draw appends the text with its cursor in exactly n cells; where it does not fit, the part around the cursor. ghost
// is what the text could become, shown after it.
func (p *Prompt) Draw(l *paint.Line, n int, ghost string) {
	l.Within(n, func(l *paint.Line) {
		from := 0
		for from < p.at && paint.Width(p.text[from:p.at], l.Glyphs) > n-2 {
			_, size := utf8.DecodeRuneInString(p.text[from:])
			from += size
		}
		l.Text(themes.Plain, p.text[from:p.at])
		rest := p.text[p.at:]
		if rest == "" {
			l.Text(themes.Accent, l.Glyphs.Cursor)
			if tail, ok := strings.CutPrefix(ghost, p.text); ok {
				l.Text(themes.Faint, tail)
			}
			return
		}
		size := p.after()
		l.Text(themes.Active, rest[:size])
		l.Text(themes.Plain, rest[size:])
	})
}
