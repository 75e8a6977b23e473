package lower

import (
	"slices"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/ecto/project"
)

// verb is a function of Ecto.Migration.
type verb func(m *machine, e *env, n *elixir.Node, args []value) value

var verbs map[string]verb

// blocks are the macros of Ecto.Migration that have a do block.
var blocks map[string]func(m *machine, e *env, n *elixir.Node, piped []value) value

func init() {
	verbs = map[string]verb{
		"table":                made("table", 1, 2),
		"index":                made("index", 2, 3),
		"unique_index":         made("index", 2, 3),
		"constraint":           made("constraint", 2, 3),
		"references":           made("references", 1, 2),
		"create":               (*machine).create,
		"create_if_not_exists": (*machine).create,
		"drop":                 (*machine).drop,
		"drop_if_exists":       (*machine).drop,
		"rename":               (*machine).rename,
		"add":                  (*machine).column,
		"add_if_not_exists":    (*machine).column,
		"modify":               (*machine).column,
		"remove":               (*machine).column,
		"remove_if_exists":     (*machine).column,
		"timestamps":           (*machine).timestamps,
		"execute":              (*machine).execute,
		"execute_file":         (*machine).executeFile,
		"flush":                (*machine).flush,
		"fragment": func(_ *machine, _ *env, _ *elixir.Node, args []value) value {
			return append(tuple{atom("fragment")}, args...)
		},
		"repo":   func(_ *machine, _ *env, _ *elixir.Node, _ []value) value { return own("repo") },
		"prefix": func(_ *machine, _ *env, _ *elixir.Node, _ []value) value { return own("prefix") },
		"direction": func(m *machine, _ *env, _ *elixir.Node, _ []value) value {
			if m.down {
				return atom("down")
			}
			return atom("up")
		},
	}
	blocks = map[string]func(m *machine, e *env, n *elixir.Node, piped []value) value{
		"create":               (*machine).createBlock,
		"create_if_not_exists": (*machine).createBlock,
		"alter":                (*machine).createBlock,
	}
}

// made makes the verb that makes an object of a kind.
func made(kind string, least, most int) verb {
	return func(m *machine, e *env, n *elixir.Node, args []value) value {
		if len(args) < least || len(args) > most {
			return m.unknown(e, n)
		}
		o := &object{kind: kind, table: args[0], name: null, columns: null, at: e.at(n), here: here(e, n), marks: m.marks}
		if len(args) == most {
			opts, whole := keywordOf(args[most-1])
			if !whole {
				m.note(o.at, "dynamic-options", "options that only running it would tell: "+inspect(args[most-1]))
			}
			o.opts = opts
			m.unheard(o)
		}
		switch kind {
		case "index":
			o.columns = args[1]
			o.unique = n.Name() == "unique_index"
			o.name = o.opts.last("name")
		case "constraint":
			o.name = args[1]
		case "references":
			o.opts = foreignOptions(m.low.Settings.ForeignKey).merge(o.opts)
			return o
		}
		m.objects = append(m.objects, o)
		m.queue(&command{dangling: o, at: o.at, immediate: true})
		return o
	}
}

// fieldsOf are the options that Ecto knows of each kind of object: struct! raises at any other.
var fieldsOf = map[string][]string{
	"table":      {"name", "prefix", "comment", "primary_key", "engine", "options", "modifiers"},
	"index":      {"table", "prefix", "name", "columns", "unique", "concurrently", "using", "include", "only", "nulls_distinct", "where", "comment", "options"},
	"references": {"name", "prefix", "table", "column", "type", "on_delete", "on_update", "validate", "with", "match", "options"},
	"constraint": {"name", "table", "check", "exclude", "prefix", "comment", "validate"},
}

// unheard notes options that raise.
func (m *machine) unheard(o *object) {
	wheres := 0
	for _, p := range o.opts {
		if !slices.Contains(fieldsOf[o.kind], p.key) {
			m.note(o.at, "raises", o.kind+" has no option "+p.key+": Ecto raises KeyError")
		}
		if p.key == "where" {
			wheres++
		}
	}
	if wheres > 1 {
		m.note(o.at, "raises", "only one where is allowed: Ecto raises ArgumentError")
	}
}

// subject is the object that a verb is about, used from then on.
func (m *machine) subject(e *env, n *elixir.Node, v value, kinds ...string) *object {
	o, ok := v.(*object)
	if !ok || !slices.Contains(kinds, o.kind) {
		if ok {
			m.note(e.at(n), "raises", n.Name()+" takes no "+o.kind+": Ecto raises FunctionClauseError")
		}
		m.dynamic(e, n)
		return nil
	}
	o.used = true
	c := *o
	c.prefix = m.prefixOf(o.opts.last("prefix"))
	return &c
}

// prefixOf is the prefix of a table, index or constraint: the migrator's where it has none.
func (m *machine) prefixOf(v value) value {
	if v == null || v == own("prefix") {
		if p := m.low.Settings.Prefix; p != "" {
			return words(p)
		}
		return null
	}
	return v
}

// dynamic is a statement of which too little is known to say what it does.
func (m *machine) dynamic(e *env, n *elixir.Node) {
	m.queue(&command{ops: []ecto.Operation{{Kind: ecto.Dynamic, Text: e.source(n)}}, at: e.at(n)})
}

func (m *machine) create(e *env, n *elixir.Node, args []value) value {
	if len(args) != 1 {
		return m.unknown(e, n)
	}
	if o := m.subject(e, n, args[0], "table", "index", "constraint"); o != nil {
		c := &command{do: n.Name(), object: o, at: e.at(n)}
		if o.kind == "table" {
			c.subs = m.primaryKey(o, c.at)
		}
		m.queue(c)
	}
	return args[0]
}

// createBlock is create and alter with the columns in a block.
func (m *machine) createBlock(e *env, n *elixir.Node, piped []value) value {
	var v value = null
	switch {
	case len(piped) > 0:
		v = piped[0]
	case n.Arg(0) != nil:
		v = m.eval(e, n.Arg(0))
	}
	c := &command{do: n.Name(), at: head(e, n)}
	o, ok := v.(*object)
	if !ok || o.kind != "table" {
		o = &object{kind: "table", table: v, name: null, columns: null, at: c.at, here: here(e, n)}
		if !isUnknown(v) {
			o.table = unknown{text: inspect(v)}
		}
	}
	o.used = true
	t := *o
	t.prefix = m.prefixOf(o.opts.last("prefix"))
	c.object = &t
	if c.do != "alter" {
		c.subs = m.primaryKey(&t, c.at)
	}
	before := m.open
	m.open = c
	m.block(e.inner(), n.Body())
	m.open = before
	m.queue(c)
	return v
}

// head is where a call with a do block stands, without the block.
func head(e *env, n *elixir.Node) ecto.Span {
	if e.outer != nil || !n.Do.IsValid() || n.Arg(0) == nil {
		return e.at(n)
	}
	to := n.Arg(0).To
	if o := n.Options(); o != nil {
		to = o.To
	}
	if to < n.From {
		return e.at(n)
	}
	s := span(e.src, n.From, to)
	// The closing bracket of create(table(:t)) do.
	if rest := e.src.file.Source[to:]; len(rest) > 0 && rest[0] == ')' {
		s.EndColumn++
	}
	return s
}

func (m *machine) drop(e *env, n *elixir.Node, args []value) value {
	if len(args) == 0 || len(args) > 2 {
		return m.unknown(e, n)
	}
	if o := m.subject(e, n, args[0], "table", "index", "constraint"); o != nil {
		c := &command{do: n.Name(), object: o, at: e.at(n)}
		if len(args) == 2 {
			opts, _ := keywordOf(args[1])
			c.cascade = opts.last("mode") == atom("cascade")
		}
		m.queue(c)
	}
	return args[0]
}

func (m *machine) rename(e *env, n *elixir.Node, args []value) value {
	if len(args) < 2 || len(args) > 3 {
		return m.unknown(e, n)
	}
	opts, _ := keywordOf(args[len(args)-1])
	to := opts.last("to")
	c := &command{do: "rename", at: e.at(n)}
	if o, ok := to.(*object); ok {
		o.used = true
	}
	if c.object = m.subject(e, n, args[0], "table", "index"); c.object == nil {
		return m.unknown(e, n)
	}
	switch {
	case len(args) == 3:
		c.do, c.column, c.name = "rename_column", textOf(args[1]), textOf(to)
	case c.object.kind == "index":
		c.name = textOf(to)
	default:
		if c.to = m.subject(e, n, to, "table"); c.to == nil {
			return args[0]
		}
	}
	m.queue(c)
	return args[0]
}

// column is add, modify, remove and their like.
func (m *machine) column(e *env, n *elixir.Node, args []value) value {
	if len(args) == 0 || len(args) > 3 {
		return m.unknown(e, n)
	}
	s := sub{do: n.Name(), name: textOf(args[0]), at: e.at(n)}
	if len(args) > 1 {
		s.kind = args[1]
	}
	if len(args) > 2 {
		opts, whole := keywordOf(args[2])
		if !whole {
			m.note(s.at, "dynamic-options", "options that only running it would tell: "+inspect(args[2]))
		}
		s.opts = opts
	}
	if s.kind == atom("datetime") {
		m.note(s.at, "raises", "the type :datetime is none: Ecto raises ArgumentError, use :utc_datetime or :naive_datetime")
	}
	if _, ok := s.opts.get("precision"); !ok && given(orNull(s.opts, "scale")) {
		m.note(s.at, "raises", "column "+s.name.String()+" has a scale without a precision: Ecto raises ArgumentError")
	}
	m.addSub(s)
	return okay
}

// addSub adds a subcommand to the open create or alter.
func (m *machine) addSub(s sub) {
	s.marks = s.marks.and(m.marks)
	switch {
	case m.open == nil:
		m.note(s.at, "raises", s.do+" outside of create and alter raises")
	case len(m.open.subs) < mostElements:
		m.open.subs = append(m.open.subs, s)
	}
}

// primaryKey is the column that a table gets without saying so.
func (m *machine) primaryKey(o *object, at ecto.Span) []sub {
	var opts keyword
	switch v := o.opts.last("primary_key"); v {
	case lie:
		return nil
	case null, truth:
		if m.low.Settings.PrimaryKey.Disabled {
			return nil
		}
		opts = keyOptions(m.low.Settings.PrimaryKey)
	default:
		opts, _ = keywordOf(v)
	}
	name, ok := opts.get("name")
	if !ok {
		name = atom("id")
	}
	kind, ok := opts.get("type")
	if !ok {
		kind = atom("bigserial")
	}
	opts = opts.put("primary_key", truth).without("name", "type")
	return []sub{{do: "add", name: textOf(name), kind: kind, opts: opts, at: at}}
}

// keyOptions is migration_primary_key as keywords.
func keyOptions(k project.Key) keyword {
	var out keyword
	if k.Name != "" {
		out = append(out, pair{"name", atom(k.Name)})
	}
	if k.EctoType != "" {
		out = append(out, pair{"type", atom(k.EctoType)})
	}
	if k.Default != "" {
		out = append(out, pair{"default", tuple{atom("fragment"), words(k.Default)}})
	}
	return out
}

// foreignOptions is migration_foreign_key as keywords.
func foreignOptions(k project.Key) keyword {
	var out keyword
	if k.Name != "" {
		out = append(out, pair{"column", atom(k.Name)})
	}
	// The default is :bigserial, which is sent as bigint whatever the size.
	if k.EctoType != "" && k.EctoType != "bigint" {
		out = append(out, pair{"type", atom(k.EctoType)})
	}
	return out
}

func (m *machine) timestamps(e *env, n *elixir.Node, args []value) value {
	t := m.low.Settings.Timestamps
	opts := keyword{}
	if t.EctoType != "" {
		opts = append(opts, pair{"type", atom(t.EctoType)})
	}
	if t.Default != "" {
		opts = append(opts, pair{"default", tuple{atom("fragment"), words(t.Default)}})
	}
	if t.Nullable {
		opts = append(opts, pair{"null", truth})
	}
	opts = append(opts, pair{"inserted_at", column(t.InsertedAt)}, pair{"updated_at", column(t.UpdatedAt)})
	if len(args) > 0 {
		given, whole := keywordOf(args[0])
		if !whole {
			m.note(e.at(n), "dynamic-options", "options that only running it would tell: "+inspect(args[0]))
		}
		opts = opts.merge(given)
	}
	if _, ok := opts.get("null"); !ok {
		opts = opts.put("null", lie)
	}
	kind, ok := opts.get("type")
	if !ok {
		kind = atom("naive_datetime")
	}
	rest := opts.without("type", "inserted_at", "updated_at")
	for _, key := range []string{"inserted_at", "updated_at"} {
		name, _ := opts.get(key)
		if name != lie {
			m.addSub(sub{do: "add", name: textOf(name), kind: kind, opts: rest, at: e.at(n)})
		}
	}
	return okay
}

func column(name string) value {
	if name == "" {
		return lie
	}
	return atom(name)
}

func (m *machine) flush(e *env, n *elixir.Node, _ []value) value {
	m.queue(&command{flush: true, at: e.at(n), immediate: true, ops: []ecto.Operation{{Kind: ecto.Flush}}})
	if m.backward {
		m.raises = append(m.raises, noteOf(e.at(n), "irreversible", "flush() in change raises on rollback: write up and down"))
	}
	return okay
}
