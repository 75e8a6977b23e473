package lower

import (
	"strconv"
	"strings"

	"ops-console/ops/ecto/elixir"
)

// text is a string as far as it is known: literal pieces, which remember where they stand in the source, and holes for
// what only running the migration would fill in.
type text []piece

type piece struct {
	s      string // of a hole: its source
	hole   bool
	prefix bool         // the hole is prefix(): the migrator's own, which every table has too
	node   *elixir.Node // whose value the text is a part of; nil: it stands nowhere as such
	off    int          // at which byte of it
}

// longest is how many bytes a text can have before it counts as unknown.
const longest = 1 << 20

// words is a text that stands nowhere in the source.
func words(s string) text {
	if s == "" {
		return text{}
	}
	return text{{s: s}}
}

func hole(source string) text { return text{{s: source, hole: true}} }

// String is the text, with #{…} for what is not known.
func (t text) String() string {
	if len(t) == 1 && !t[0].hole {
		return t[0].s
	}
	var b strings.Builder
	for _, p := range t {
		if p.hole {
			b.WriteString("#{" + p.s + "}")
			continue
		}
		b.WriteString(p.s)
	}
	return b.String()
}

func (t text) known() bool {
	for _, p := range t {
		if p.hole {
			return false
		}
	}
	return true
}

// bare says whether nothing of the text is known but space.
func (t text) bare() bool {
	for _, p := range t {
		if !p.hole && strings.TrimSpace(p.s) != "" {
			return false
		}
	}
	return true
}

func (t text) join(u text) text {
	n := 0
	for _, p := range t {
		n += len(p.s)
	}
	for _, p := range u {
		n += len(p.s)
	}
	if n > longest || len(t)+len(u) > longest/64 {
		return hole("…")
	}
	return append(append(make(text, 0, len(t)+len(u)), t...), u...)
}

// cut is the bytes between from and to of a text that is known.
func (t text) cut(from, to int) text {
	var out text
	at := 0
	for _, p := range t {
		lo, hi := max(from-at, 0), min(to-at, len(p.s))
		at += len(p.s)
		if lo >= hi {
			continue
		}
		p.s, p.off = p.s[lo:hi], p.off+lo
		out = append(out, p)
	}
	return out
}

// plug is the text with a name of its own in the place of each hole, and those names. They are such that nothing else in
// the text is one.
func (t text) plug() (sql string, names []string) {
	if t.known() {
		return t.String(), nil
	}
	stem := "hole"
	for strings.Contains(t.String(), stem) {
		stem += "x"
	}
	var b strings.Builder
	for _, p := range t {
		if !p.hole {
			b.WriteString(p.s)
			continue
		}
		name := stem + strconv.Itoa(len(names)) + "z"
		names = append(names, name)
		b.WriteString(name)
	}
	return b.String(), names
}

// unplug puts the holes back into a part of what plug gave.
func (t text) unplug(s string, names []string) string {
	if len(names) == 0 || s == "" {
		return s
	}
	i := 0
	for _, p := range t {
		if p.hole {
			s = strings.ReplaceAll(s, names[i], "#{"+p.s+"}")
			i++
		}
	}
	return s
}

// place is where byte i of what plug gave stands: a node, and the byte of its value. The node is nil where it stands
// nowhere.
func (t text) place(i int, names []string) (*elixir.Node, int) {
	at, n := 0, 0
	var last *piece
	for k := range t {
		p := &t[k]
		width := len(p.s)
		if p.hole {
			width = len(names[n])
			n++
		}
		if i < at+width {
			if p.hole || p.node == nil {
				break
			}
			return p.node, p.off + i - at
		}
		if !p.hole && p.node != nil {
			last = p
		}
		at += width
	}
	if last != nil {
		return last.node, last.off + len(last.s)
	}
	return nil, 0
}
