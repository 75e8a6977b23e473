package plaintext

import (
	"unicode"
	"unicode/utf8"
)

const (
	// maxString is how far the end of an OSC, DCS, APC, PM or SOS string is looked for. A string that does not end
	// is not a sequence but an attempt to hide what follows it: its text is shown.
	maxString = 4096
	// maxMarks is how many combining marks one base keeps. Two are enough for every living orthography's letters.
	maxMarks = 2
)

// cleaner yields the safe characters of a text, one at a time: printable ones, ' ' and '\n'.
type cleaner struct {
	s     string
	pos   int
	limit int  // bytes of s that are looked at
	cut   bool // stopped at limit
	base  bool // the latest character can carry marks
	marks int  // on it
}

func newCleaner(s string, runes int) cleaner {
	// Enough for text in which every character is dressed in a colour of its own.
	limit := len(s)
	if runes < (len(s)-maxString)/64 {
		limit = 64*runes + maxString
	}
	return cleaner{s: s, limit: limit}
}

// next is the next safe character, or false at the end.
func (c *cleaner) next() (rune, bool) {
	for c.pos < len(c.s) {
		if c.pos >= c.limit {
			c.cut = true
			return 0, false
		}
		r, size := utf8.DecodeRuneInString(c.s[c.pos:])
		if r == utf8.RuneError && size <= 1 {
			c.skipInvalid()
			return c.plain(utf8.RuneError), true
		}
		c.pos += size
		if r >= ' ' && r <= '~' {
			return c.plain(r), true
		}
		if r == 0x1b || r >= 0x80 && r < 0xa0 && r != 0x85 {
			c.skipSequence(r)
			continue
		}
		if out, ok := c.judge(r); ok {
			return out, true
		}
	}
	return 0, false
}

// plain notes that r was yielded and is not a mark.
func (c *cleaner) plain(r rune) rune {
	c.base, c.marks = r != ' ' && r != '\n', 0
	return r
}

// skipInvalid passes over a run of bytes that are not UTF-8; the whole run is shown as one replacement character.
func (c *cleaner) skipInvalid() {
	for c.pos < c.limit {
		if r, size := utf8.DecodeRuneInString(c.s[c.pos:]); r != utf8.RuneError || size > 1 {
			return
		}
		c.pos++
	}
}

// judge says what becomes of a character that is neither printable ASCII nor the start of a sequence.
func (c *cleaner) judge(r rune) (rune, bool) {
	switch {
	case r == '\r' && c.pos < len(c.s) && c.s[c.pos] == '\n':
		return 0, false
	case r == '\n' || r == 0x85 || r == 0x2028 || r == 0x2029:
		return c.plain('\n'), true
	case r == '\t' || r == '\r' || r == '\v' || r == '\f' || unicode.Is(unicode.Zs, r):
		return c.plain(' '), true
	case r < 0x20 || r == 0x7f || invisible(r):
		return 0, false
	case mark(r):
		if !c.base || c.marks == maxMarks {
			return 0, false
		}
		c.marks++
		return r, true
	case unicode.IsPrint(r):
		return c.plain(r), true
	default: // private use, unassigned, noncharacter
		return c.plain(utf8.RuneError), true
	}
}

// invisible tells of characters that take no room and show nothing by themselves: format characters (bidirectional
// controls, joiners, tags, soft hyphen, …), variation selectors, fillers.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		r == 0xfffc // object replacement
}

// mark tells of characters that are drawn onto the one before: combining marks, and the vowels and finals of
// decomposed Hangul.
func mark(r rune) bool {
	return unicode.Is(unicode.M, r) || r >= 0x1160 && r <= 0x11ff || r >= 0xd7b0 && r <= 0xd7fb
}

// skipSequence passes over the control sequence that r, an ESC or a C1 control already passed, begins. What turns out
// not to be a whole sequence loses only its beginning.
func (c *cleaner) skipSequence(r rune) {
	if r == 0x1b {
		if c.pos >= len(c.s) {
			return
		}
		b := c.s[c.pos]
		switch {
		case b >= 0x40 && b <= 0x5f: // the seven-bit form of a C1 control
			c.pos++
			r = rune(b) + 0x40
		case b >= 0x20 && b <= 0x2f:
			c.skipWhile(0x20, 0x2f)
			c.skipFinal(0x30, 0x7e)
			return
		case b >= 0x30 && b <= 0x7e:
			c.pos++
			return
		default:
			return
		}
	}
	switch r {
	case 0x9b: // CSI
		c.skipWhile(0x20, 0x3f)
		c.skipFinal(0x40, 0x7e)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f: // DCS, SOS, OSC, PM, APC
		c.skipString()
	}
}

func (c *cleaner) skipWhile(lo, hi byte) {
	for c.pos < c.limit && c.s[c.pos] >= lo && c.s[c.pos] <= hi {
		c.pos++
	}
}

func (c *cleaner) skipFinal(lo, hi byte) {
	if c.pos < c.limit && c.s[c.pos] >= lo && c.s[c.pos] <= hi {
		c.pos++
	}
}

// skipString passes over a string up to and with its end (BEL, or ST in either form), if it has one. Looking stops at
// whatever would begin another sequence, so no byte is looked at more than twice.
func (c *cleaner) skipString() {
	end := min(len(c.s), c.pos+maxString)
	for i := c.pos; i < end; i++ {
		switch b := c.s[i]; {
		case b == 0x07:
			c.pos = i + 1
			return
		case b == 0x1b:
			if i+1 < len(c.s) && c.s[i+1] == '\\' {
				c.pos = i + 2
			}
			return
		case b == 0x18 || b == 0x1a: // CAN and SUB abort a string
			return
		case b == 0xc2 && i+1 < len(c.s) && c.s[i+1] >= 0x80 && c.s[i+1] < 0xa0:
			if c.s[i+1] == 0x9c {
				c.pos = i + 2
			}
			return
		}
	}
}
