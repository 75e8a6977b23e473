package app

import (
	"cmp"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// making is a schema as its block is gone through.
type making struct {
	module
	using   map[string]attributes
	path    string
	schema  Schema
	queries []Query
	vars    map[string]string // of for, unrolled: atoms by name
}

// schema makes the schema of a module's block.
func (m module) schema(path string, using map[string]attributes) (Schema, []Query) {
	k := &making{module: m, using: using, path: path}
	head := m.block
	at := span(m.file, head)
	k.schema = Schema{Path: path, Module: m.name, Embedded: strings.HasSuffix(head.Name(), "embedded_schema")}
	// The block's head, not all of it: that is where one looks.
	k.schema.At = ecto.Span{Line: at.Line, Column: at.Column, EndLine: int(head.Do.Line), EndColumn: int(head.Do.Column)}
	if !k.schema.Embedded {
		k.schema.Table = ecto.Name{
			Prefix: text(m.resolve(m.attribute("schema_prefix", using), using).Node),
			Name:   text(k.value(head.Arg(0)).Node),
		}
	}
	k.primaryKey()
	k.block(head.Body())
	return k.schema, k.queries
}

// primaryKey is @primary_key, or id.
func (k *making) primaryKey() {
	key := k.resolve(k.attribute("primary_key", k.using), k.using)
	if key.Node == nil {
		if !k.schema.Embedded {
			k.add("id", "id", ":id", k.schema.At)
		}
		return
	}
	if v, ok := key.Bool(); ok && !v {
		return
	}
	parts := key.Args
	if key.Kind != elixir.Tuple && !key.IsCall("{}", elixir.AnyArity) || len(parts) == 0 || text(parts[0]) == "" {
		k.schema.Open = true
		return
	}
	name, typ := text(parts[0]), ""
	if len(parts) > 1 {
		typ = key.source(parts[1])
	}
	column := name
	if len(parts) > 2 {
		column = cmp.Or(text(parts[2].Key("source")), name)
	}
	k.add(name, column, typ, k.schema.At)
}

// value is what an expression of the block's own file comes to, where it is an attribute.
func (k *making) value(n *elixir.Node) attribute {
	if n == nil {
		return attribute{}
	}
	return k.resolve(attribute{n, k.file}, k.using)
}

func (k *making) add(name, column, typ string, at ecto.Span) {
	k.schema.Fields = append(k.schema.Fields, Field{Name: name, Column: column, Type: typ, At: at})
}

func (k *making) block(exprs []*elixir.Node) {
	for _, n := range exprs {
		k.statement(n)
	}
}

// statement is one line of a schema block.
func (k *making) statement(n *elixir.Node) {
	read := reader(n.Name())
	switch {
	case read != nil && n.Fun == nil && (n.Kind == elixir.Call || n.Name() == "timestamps"):
		read(k, n)
	case n.IsBlock():
		k.block(n.Exprs())
	case n.IsCall("::", 2): // field(:name, :string) :: String.t()
		k.statement(n.Args[0])
	case n.IsCall("@", 1), n.IsCall("alias", elixir.AnyArity), n.IsCall("import", elixir.AnyArity), n.IsCall("require", elixir.AnyArity):
	case n.Kind != elixir.Call && n.Kind != elixir.Var && n.Kind != elixir.Broken: // a literal does nothing
	default:
		k.schema.Open = true
	}
}

// reader is what goes through a call of one of Ecto's own macros; nil: it is none.
func reader(name string) func(*making, *elixir.Node) {
	switch name {
	case "field":
		return (*making).field
	case "belongs_to":
		return (*making).belongsTo
	case "embeds_one", "embeds_many":
		return (*making).embeds
	case "many_to_many":
		return (*making).manyToMany
	case "timestamps":
		return (*making).timestamps
	case "if", "unless":
		return (*making).condition
	case "for":
		return (*making).loop
	case "has_one", "has_many":
		return func(*making, *elixir.Node) {} // names columns of the other table, which that one's schema has too
	}
	return nil
}

// name is the field that a call is about; empty where only compiling it tells, which makes the schema open.
func (k *making) name(n *elixir.Node) string {
	first := k.value(n.Arg(0)).Node
	name := text(first)
	if name == "" && first != nil && first.Kind == elixir.Var {
		name = k.vars[first.Text]
	}
	if name == "" {
		k.schema.Open = true
	}
	return name
}

func isTrue(n *elixir.Node) bool  { v, ok := n.Bool(); return ok && v }
func isFalse(n *elixir.Node) bool { v, ok := n.Bool(); return ok && !v }

func (k *making) field(n *elixir.Node) {
	name := k.name(n)
	if name == "" || isTrue(n.Option("virtual")) {
		return
	}
	typ := ""
	if t := n.Arg(1); t != nil {
		typ = k.file.Text(t)
	}
	k.add(name, cmp.Or(text(n.Option("source")), name), typ, span(k.file, n))
}

func (k *making) belongsTo(n *elixir.Node) {
	name := k.name(n)
	if name == "" || isFalse(n.Option("define_field")) {
		return
	}
	field := cmp.Or(text(n.Option("foreign_key")), name+"_id")
	typ := ":id"
	if t := k.value(n.Option("type")); t.Node != nil {
		typ = t.source(t.Node)
	} else if t := k.resolve(k.attribute("foreign_key_type", k.using), k.using); t.Node != nil {
		typ = t.source(t.Node)
	}
	k.add(field, cmp.Or(text(n.Option("source")), field), typ, span(k.file, n))
}

// embeds is a column with JSON; what the embedded schema names is within it.
func (k *making) embeds(n *elixir.Node) {
	name := k.name(n)
	if name == "" {
		return
	}
	typ := ":map"
	if n.Name() == "embeds_many" {
		typ = "{:array, :map}"
	}
	k.add(name, cmp.Or(text(n.Option("source")), name), typ, span(k.file, n))
}

// manyToMany names no column of its own table, but a table between, where join_through is one.
func (k *making) manyToMany(n *elixir.Node) {
	through, ok := k.value(n.Option("join_through")).Str()
	if !ok {
		return
	}
	table := ecto.Name{Prefix: k.schema.Table.Prefix, Name: through}
	use := Use{Path: k.path, At: span(k.file, n), Module: k.schema.Module}
	k.queries = append(k.queries, Query{Table: table, Use: use})
	use.Field = text(n.Arg(0))
	var columns []string
	if keys, ok := n.Option("join_keys").Pairs(); ok {
		for _, p := range keys {
			columns = append(columns, p.Name())
		}
	} else {
		columns = append(columns, underscore(lastPart(k.schema.Module))+"_id")
		if other, ok := n.Arg(1).Module(); ok {
			columns = append(columns, underscore(lastPart(other))+"_id")
		}
	}
	for _, c := range columns {
		if c != "" {
			k.queries = append(k.queries, Query{Table: table, Column: c, Use: use})
		}
	}
}

// timestamps is inserted_at and updated_at, as its options and @timestamps_opts say.
func (k *making) timestamps(n *elixir.Node) {
	defaults := k.resolve(k.attribute("timestamps_opts", k.using), k.using)
	var own *elixir.Node
	if len(n.Args) > 0 {
		own = k.value(n.Args[len(n.Args)-1]).Node
	}
	option := func(name string) *elixir.Node { return cmp.Or(own.Key(name), defaults.Key(name)) }
	typ := ":naive_datetime"
	if t := option("type"); t != nil && text(t) != "" {
		typ = ":" + text(t)
	}
	for _, field := range []string{"inserted_at", "updated_at"} {
		v := option(field)
		if isFalse(v) {
			continue
		}
		name := cmp.Or(text(v), field)
		k.add(name, cmp.Or(text(option(field+"_source")), name), typ, span(k.file, n))
	}
}

// condition takes both sides: either can be compiled.
func (k *making) condition(n *elixir.Node) {
	for _, part := range []string{"do", "else"} {
		if s := n.Section(part); s != nil {
			k.block(s.Exprs())
		}
	}
}

// loop unrolls for name <- [:a, :b], do: field name, :string.
func (k *making) loop(n *elixir.Node) {
	args := n.Positional()
	if len(args) != 1 || !args[0].IsCall("<-", 2) || args[0].Args[0].Kind != elixir.Var {
		k.schema.Open = true
		return
	}
	over := k.value(args[0].Args[1])
	names, ok := over.Words()
	if !ok && over.Node != nil && over.Kind == elixir.List {
		for _, x := range over.Args {
			names = append(names, text(x))
		}
		ok = true
	}
	if !ok {
		k.schema.Open = true
		return
	}
	outer := k.vars
	for _, name := range names {
		k.vars = map[string]string{args[0].Args[0].Text: name}
		if s := n.Section("do"); s != nil {
			k.block(s.Exprs())
		}
	}
	k.vars = outer
}
