package lower

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/pgsql"
)

// run is what the commands of a direction come to: operations, numbered by statement.
type run struct {
	m         *machine
	out       []ecto.Operation
	statement int
	dynamic   map[ecto.Span]bool
}

// operations turns the queue into operations. Of a change that is run the other way round, what is queued comes last to
// first, and what happens at once comes before it.
func (m *machine) operations() []ecto.Operation {
	r := &run{m: m, dynamic: map[ecto.Span]bool{}}
	cc := m.commands
	if m.backward {
		cc = m.reversed()
	}
	for _, c := range cc {
		r.command(c)
	}
	return r.out
}

func (r *run) command(c *command) {
	switch {
	case c.dangling != nil:
		if o := c.dangling; !o.used && !r.m.backward {
			r.add(c, nil, []ecto.Operation{{Kind: ecto.Dangling, Table: ecto.Name{Name: textOf(o.table).String()}, Text: o.here.source()}})
		}
	case c.do == "execute":
		r.execute(c, c.up)
	case c.do == "":
		r.add(c, nil, slices.Clone(c.ops))
	default:
		w := &writer{}
		sql, ops := w.ddl(c)
		for i := range ops {
			ops[i].Partial = w.partial
		}
		if len(sql) == 0 {
			return
		}
		r.add(c, sql, ops)
		for _, why := range w.raises {
			r.m.note(c.at, "raises", why)
		}
	}
}

// add puts the operations of one statement in.
func (r *run) add(c *command, sql []string, ops []ecto.Operation) {
	r.statement++
	for i := range ops {
		o := &ops[i]
		if o.Kind == ecto.Dynamic {
			if r.dynamic[c.at] {
				r.statement--
				return
			}
			r.dynamic[c.at] = true
		}
		if o.At == (ecto.Span{}) {
			o.At = c.at
		}
		o.Statement = r.statement
		o.Conditional = o.Conditional || c.marks.conditional
		o.Repeated = o.Repeated || c.marks.repeated
		o.Immediate, o.Flushed, o.Callback = c.immediate, c.flushed, c.callback
	}
	if len(ops) > 0 && sql != nil {
		ops[0].SQL = sql
	}
	r.out = append(r.out, ops...)
}

func (r *run) execute(c *command, x *executable) {
	switch {
	case x == nil:
		return
	case x.function:
		r.add(c, nil, []ecto.Operation{{Kind: ecto.Function, Text: x.here.source()}})
		for _, i := range x.inner {
			i.marks = i.marks.and(c.marks)
			r.command(i)
		}
		return
	case x.dynamic || x.sql.bare() && !x.sql.known():
		r.add(c, nil, []ecto.Operation{{Kind: ecto.Dynamic, Text: x.here.source()}})
		return
	}
	if x.list {
		r.m.note(x.at, "raises", "the PostgreSQL adapter takes SQL as a string: a charlist or a list raises")
	}
	r.raw(c, x)
}

// raw is the operations of SQL as it is written.
func (r *run) raw(c *command, x *executable) {
	sql, names := x.sql.plug()
	ops, err := pgsql.Parse(sql)
	if err != nil {
		r.broken(c, x, sql, names, err)
		return
	}
	from, statement, several := 0, 0, len(ops) > 0 && ops[len(ops)-1].Statement > 1
	var group []ecto.Operation
	flush := func() {
		if len(group) > 0 {
			r.add(c, nil, group)
		}
		group = nil
	}
	for _, o := range ops {
		if o.Statement != statement {
			flush()
			statement = o.Statement
			if i := strings.Index(sql[from:], o.Text); i >= 0 {
				from += i
			}
		}
		o.At = x.place(from, from+len(o.Text), names)
		if several && !x.many {
			o.Nth = o.Statement
		}
		if len(names) > 0 {
			o.Partial = strings.Contains(o.Text, names[0][:4])
			restore(reflect.ValueOf(&o).Elem(), func(s string) string { return x.sql.unplug(s, names) })
			unprefix(&o)
		}
		group = append(group, o)
	}
	flush()
}

// broken is SQL that does not parse, or not without what is filled in later.
func (r *run) broken(c *command, x *executable, sql string, names []string, err error) {
	if len(names) > 0 {
		r.add(c, nil, []ecto.Operation{{Kind: ecto.Dynamic, Raw: true, Text: x.sql.String(), At: c.at}})
		return
	}
	o := ecto.Operation{Kind: ecto.BrokenSQL, Raw: true, Text: sql, Expression: err.Error(), At: x.at, SQL: []string{sql}}
	var syntax *pgsql.SyntaxError
	if errors.As(err, &syntax) {
		o.Expression = syntax.Message
		if i := syntax.Offset; i >= 0 && i <= len(sql) {
			o.At = x.place(i, i+1, names)
			if o.At == x.at {
				o.Expression += fmt.Sprintf(" in line %d of the SQL", 1+strings.Count(sql[:i], "\n"))
			}
		}
	}
	r.add(c, o.SQL, []ecto.Operation{o})
}

// place is where a part of the SQL stands in what execute is given; where it stands elsewhere, in a function or an
// attribute, or nowhere as such, the place of the execute.
func (x *executable) place(from, to int, names []string) ecto.Span {
	if x.env.outer != nil {
		return *x.env.outer
	}
	file := x.env.src.file
	a, i := x.sql.place(from, names)
	b, k := x.sql.place(max(to-1, from), names)
	if a == nil || b == nil || a.To > int32(len(file.Source)) || b.To > int32(len(file.Source)) {
		return x.at
	}
	lo, hi := file.Locate(a, i), file.Locate(b, k)
	if hi < lo {
		return x.at
	}
	_, width := utf8.DecodeRuneInString(file.Source[hi:])
	at := span(x.env.src, int32(lo), int32(hi+width))
	if !within(at, x.at) {
		return x.at
	}
	return at
}

// within says whether a span is a part of another.
func within(in, out ecto.Span) bool {
	starts := in.Line > out.Line || in.Line == out.Line && in.Column >= out.Column
	ends := in.EndLine < out.EndLine || in.EndLine == out.EndLine && in.EndColumn <= out.EndColumn
	return starts && ends
}

// restore applies f to every text of an operation.
func restore(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(f(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			restore(v.Field(i), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			restore(v.Index(i), f)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			restore(v.Elem(), f)
		}
	}
}

// unprefix takes the migrator's own prefix off names, as the DSL does not say it either.
func unprefix(o *ecto.Operation) {
	const prefix = "#{prefix()}"
	names := []*ecto.Name{&o.Table, &o.Name, &o.To}
	if r := o.Column.References; r != nil {
		names = append(names, &r.Table)
	}
	for _, n := range names {
		if n.Prefix == prefix {
			n.Prefix = ""
		}
	}
}
