package lower

import (
	"slices"

	"ops-console/ops/ecto"
)

// reversed is what Ecto makes of a queue on the way back (lib/ecto/migration/runner.ex, reverse): what happens at once
// first, then each command undone, last to first. The callbacks have queues of their own. What cannot be undone is noted
// and left out.
func (m *machine) reversed() []*command {
	var out, queued []*command
	turn := func() {
		for _, c := range slices.Backward(queued) {
			if back := m.reverse(c); back != nil {
				out = append(out, back)
			}
		}
		queued = nil
	}
	for i, c := range m.commands {
		if i > 0 && c.callback != m.commands[i-1].callback {
			turn()
		}
		if c.immediate {
			out = append(out, c)
			continue
		}
		queued = append(queued, c)
	}
	turn()
	return out
}

// opposite is what undoes what.
var opposite = map[string]string{
	"create": "drop", "create_if_not_exists": "drop_if_exists", "drop": "create", "drop_if_exists": "create_if_not_exists",
}

func (m *machine) reverse(c *command) *command {
	back := *c
	switch {
	case c.do == "":
		return c
	case c.do == "execute" && c.both:
		back.up, back.down = c.down, c.up
		return &back
	case c.do == "execute":
		return m.cannot(c.at, "execute/1", "give execute/2 what undoes it")
	}
	kind := c.object.kind
	switch c.do {
	case "create", "create_if_not_exists":
		back.do, back.subs, back.cascade = opposite[c.do], nil, false
		return &back
	case "drop", "drop_if_exists":
		if kind != "index" {
			return m.cannot(c.at, c.do+" of a "+kind, "write up and down")
		}
		back.do = opposite[c.do]
		return &back
	case "rename":
		if kind == "table" {
			back.object, back.to = c.to, c.object
			return &back
		}
		w := &writer{}
		o := *c.object
		back.name = textOf(w.indexName(c.object))
		o.name = c.name
		back.object = &o
		return &back
	case "rename_column":
		back.column, back.name = c.name, c.column
		return &back
	}
	subs := make([]sub, 0, len(c.subs))
	for _, s := range slices.Backward(c.subs) {
		undone, ok := undo(s)
		if !ok {
			how := "write up and down"
			switch s.do {
			case "modify":
				how = "say with from: what it was"
			case "remove":
				how = "say what type it had"
			}
			return m.cannot(s.at, s.do+" "+s.name.String(), how)
		}
		subs = append(subs, undone)
	}
	back.subs = subs
	return &back
}

// undo is a subcommand the other way round.
func undo(s sub) (sub, bool) {
	back := s
	switch {
	case s.do == "add":
		back.do, back.opts = "remove", nil
		return back, true
	case s.do == "remove" && s.kind != nil:
		back.do = "add"
		return back, true
	case s.do != "modify":
		return s, false
	}
	from, ok := s.opts.get("from")
	if !ok || from == null {
		return s, false
	}
	if t, isTuple := from.(tuple); isTuple && len(t) == 2 {
		if l, isList := t[1].(list); isList {
			opts, _ := keywordOf(l)
			back.kind = t[0]
			back.opts = opts.put("from", tuple{s.kind, s.opts.without("from").list()})
			return back, true
		}
	}
	back.kind, back.opts = from, s.opts.put("from", s.kind)
	return back, true
}

// cannot says that a command of change has no way back.
func (m *machine) cannot(at ecto.Span, what, how string) *command {
	m.raises = append(m.raises, noteOf(at, "irreversible", what+" cannot be reversed, rollback raises: "+how))
	return nil
}
