package lower

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// called are the functions of a migration that Ecto calls.
var called = []string{"change", "up", "down", "after_begin", "before_commit"}

// effective is what of the DSL does something by being called.
var effective = []string{
	"create", "create_if_not_exists", "drop", "drop_if_exists", "alter", "rename", "execute", "execute_file",
}

// uncalled notes the functions that would change the database, and that nothing in the file names besides themselves: a
// mistaken name, most of the time.
func uncalled(s *source, mod *module, out *ecto.Migration) {
	var names []string
	for name, ff := range mod.funcs {
		if !slices.Contains(called, name) && !strings.HasPrefix(name, "__") && slices.ContainsFunc(ff, func(f function) bool { return f.mod == mod && !f.macro && acts(f.Body) }) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	mentioned(s.file.Root, func(name string, args int) {
		names = slices.DeleteFunc(names, func(n string) bool { return n == name && mod.takes(n, args) })
	})
	for _, name := range names {
		f := mod.funcs[name][0]
		text := fmt.Sprintf("nothing calls %s/%d, so what it does is never done", name, len(f.Args))
		if len(mod.calls("down", 0)) == 0 && len(mod.calls("up", 0)) > 0 && len(f.Args) == 0 {
			text += ": Ecto calls down on the way back"
		}
		out.Notes = append(out.Notes, ecto.Note{At: span(s, f.node.From, f.node.Args[0].To), Code: "uncalled", Text: text})
	}
}

// acts says whether code calls the DSL so that it does something.
func acts(n *elixir.Node) bool {
	return nil != elixir.Find(n, func(n *elixir.Node) bool {
		return n.Kind == elixir.Call && len(n.Args) > 0 && slices.Contains(effective, n.Text)
	})
}

// takes says whether a function of the module may be meant by a call with so many arguments, a pipe's one more; fewer than
// none are not known.
func (m *module) takes(name string, args int) bool {
	return args < 0 || slices.ContainsFunc(m.funcs[name], func(f function) bool {
		return args >= f.least-1 && args <= len(f.Args)
	})
}

// mentioned gives every name that something may be called by, with how many arguments as far as that is said. The names
// that definitions define are left out.
func mentioned(n *elixir.Node, name func(name string, args int)) {
	elixir.Walk(n, func(n *elixir.Node) bool {
		if d, ok := n.Def(); ok {
			for _, part := range append(slices.Clone(d.Args), d.Body) {
				if part != nil {
					mentioned(part, name)
				}
			}
			return false
		}
		switch n.Kind {
		case elixir.Call:
			name(n.Name(), len(n.Args))
		case elixir.Var, elixir.Atom:
			name(n.Text, -1)
		}
		return true
	})
}
