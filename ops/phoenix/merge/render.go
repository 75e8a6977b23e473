package merge

import "strings"

// Labels name the three texts in conflict markers.
type Labels struct{ Mine, Base, Theirs string }

// String is the merged text; conflicts are in it in git's diff3 style.
func (t Text) String(l Labels) string {
	return t.Choose(l, func(int, Chunk) bool { return true })
}

// Choose is the merged text with those of their changes that take says, by index of the chunk; conflicts that are taken
// are in it in diff3 style. Elsewhere mine stays.
func (t Text) Choose(l Labels, take func(int, Chunk) bool) string {
	var b strings.Builder
	for i, c := range t.Chunks {
		switch {
		case c.Kind == Theirs && take(i, c):
			write(&b, c.Theirs)
		case c.Kind == Conflict && take(i, c):
			t.conflict(&b, c, l)
		default:
			write(&b, c.Mine)
		}
	}
	return b.String()
}

func write(b *strings.Builder, ll []string) {
	for _, l := range ll {
		b.WriteString(l)
	}
}

func (t Text) conflict(b *strings.Builder, c Chunk, l Labels) {
	end := "\n"
	if t.carriage(c) {
		end = "\r\n"
	}
	part := func(mark byte, label string, ll []string) {
		b.WriteString(strings.Repeat(string(mark), 7))
		if label != "" {
			b.WriteString(" " + label)
		}
		b.WriteString(end)
		write(b, ll)
		if n := len(ll); n > 0 && !strings.HasSuffix(ll[n-1], "\n") {
			b.WriteString(end)
		}
	}
	part('<', l.Mine, c.Mine)
	part('|', l.Base, c.Base)
	part('=', "", c.Theirs)
	part('>', l.Theirs, nil)
}

// carriage says whether the markers of a conflict end in CR LF: what mine and theirs have just before it, or the base at
// its start, and nothing says otherwise.
func (t Text) carriage(c Chunk) bool {
	known := false
	for _, side := range []struct {
		ll []string
		at int
	}{{t.mine, max(c.AtMine-1, 0)}, {t.theirs, max(c.AtTheirs-1, 0)}, {t.base, 0}} {
		cr, ok := lineEnd(side.ll, side.at)
		if ok && !cr {
			return false
		}
		known = known || ok
	}
	return known
}

// lineEnd says whether a line ends in CR LF; for a last line without an end, the one before it counts. ok: it can be told.
func lineEnd(ll []string, at int) (cr, ok bool) {
	if len(ll) == 0 {
		return false, false
	}
	if !strings.HasSuffix(ll[at], "\n") {
		if at == 0 {
			return false, false
		}
		at--
	}
	return strings.HasSuffix(ll[at], "\r\n"), true
}
