package lower

import (
	"strings"

	"ops-console/ops/ecto"
)

// alter is ALTER TABLE with all that its block says.
func (w *writer) alter(c *command) ([]string, []ecto.Operation) {
	o := c.object
	table := w.tableQuoted(o)
	var parts []string
	var ops []ecto.Operation
	for _, s := range c.subs {
		sql, op := w.change(c, s)
		op.At, op.Table, op.Conditional, op.Repeated = s.at, w.tableName(o), s.marks.conditional, s.marks.repeated
		parts = append(parts, sql)
		ops = append(ops, op)
	}
	if len(ops) == 0 {
		ops = []ecto.Operation{{Kind: ecto.AlterTable, Table: w.tableName(o), Text: "no change"}}
	}
	sql := "ALTER TABLE " + table + " " + strings.Join(parts, ", ") + w.keys(c.subs, ", ADD ")
	return append([]string{sql}, w.comments("TABLE", table, o, c.subs)...), ops
}

// change is one subcommand.
func (w *writer) change(c *command, s sub) (string, ecto.Operation) {
	o := c.object
	name := w.quote(s.name)
	ref, isRef := s.kind.(*object)
	switch s.do {
	case "add", "add_if_not_exists":
		op := w.addColumn(c, s)
		sql := "ADD COLUMN " + when(s.do != "add", "IF NOT EXISTS ") + name + " "
		if isRef {
			kind := refType(ref)
			return sql + w.referenceType(kind, s.opts) + w.options(kind, s.opts) + ", ADD " + w.foreignKey(ref, o, s.name), op
		}
		return sql + w.columnType(s.kind, s.opts) + w.options(s.kind, s.opts), op
	case "modify":
		return w.modify(c, s)
	case "remove":
		op := ecto.Operation{Kind: ecto.RemoveColumn, Column: ecto.Column{Name: w.s(s.name)}}
		op.From = w.before(o, s)
		sql := ""
		if isRef {
			sql = "DROP CONSTRAINT " + w.keyName(ref, o, s.name) + ", "
		}
		return sql + "DROP COLUMN " + name, op
	}
	op := ecto.Operation{Kind: ecto.RemoveColumn, IfExists: true, Column: ecto.Column{Name: w.s(s.name)}}
	op.From = w.before(o, s)
	sql := ""
	if isRef {
		sql = "DROP CONSTRAINT IF EXISTS " + w.keyName(ref, o, s.name) + ", "
	}
	return sql + "DROP COLUMN IF EXISTS " + name, op
}

// before is what a removed column was, as far as remove says it.
func (w *writer) before(o *object, s sub) *ecto.Column {
	if s.kind == nil {
		return nil
	}
	c := w.columnOf(o, w.s(s.name), s.kind, s.opts)
	return &c
}

func (w *writer) modify(c *command, s sub) (string, ecto.Operation) {
	o := c.object
	name := w.quote(s.name)
	op := ecto.Operation{Kind: ecto.ModifyColumn, Column: w.columnOf(o, w.s(s.name), s.kind, s.opts)}
	from, ok := s.opts.get("from")
	sql := ""
	if ok && from != null {
		kind, opts := fromOf(from)
		col := w.columnOf(o, w.s(s.name), kind, opts)
		op.From = &col
		if old, isRef := kind.(*object); isRef {
			sql = "DROP CONSTRAINT " + w.keyName(old, o, s.name) + ", "
		}
	}
	kind := s.kind
	sql += "ALTER COLUMN " + name + " TYPE "
	if ref, isRef := s.kind.(*object); isRef {
		kind = refType(ref)
		sql += w.referenceType(kind, s.opts) + ", ADD " + w.foreignKey(ref, o, s.name)
	} else {
		sql += w.columnType(s.kind, s.opts)
	}
	switch v, _ := s.opts.get("null"); v {
	case truth:
		sql += ", ALTER COLUMN " + name + " DROP NOT NULL"
	case lie:
		sql += ", ALTER COLUMN " + name + " SET NOT NULL"
	}
	if v, ok := s.opts.get("default"); ok {
		sql += ", ALTER COLUMN " + name + " SET" + w.defaultOf(v, kind)
	}
	return sql + w.collation(s.opts), op
}

// fromOf is what from: says: a type, or a type with options.
func fromOf(v value) (kind value, opts keyword) {
	if t, ok := v.(tuple); ok && len(t) == 2 {
		if l, ok := t[1].(list); ok {
			opts, _ = keywordOf(l)
			return t[0], opts
		}
	}
	return v, nil
}

// refType is the type of the column that a reference is for.
func refType(ref *object) value { return refOption(ref, "type", atom("bigserial")) }

// refOption is an option of references, as struct! takes it.
func refOption(ref *object, key string, otherwise value) value {
	if _, ok := ref.opts.get(key); ok {
		return ref.opts.last(key)
	}
	return otherwise
}

func (w *writer) keyName(ref *object, table *object, column value) string {
	if v := ref.opts.last("name"); v != null {
		return w.quote(v)
	}
	return `"` + w.s(table.table) + "_" + w.s(column) + `_fkey"`
}

// referred is the table that a reference leads to, and its prefix.
func referred(ref, table *object) (prefix, name value) {
	prefix = table.prefix
	if v, ok := ref.opts.get("prefix"); ok {
		prefix = v
		if v == own("prefix") {
			prefix = table.prefix
		}
	}
	return prefix, ref.table
}

var onDelete = map[atom]string{"nilify_all": "SET NULL", "default_all": "SET DEFAULT", "delete_all": "CASCADE", "restrict": "RESTRICT"}

var onUpdate = map[atom]string{"nilify_all": "SET NULL", "update_all": "CASCADE", "restrict": "RESTRICT"}

// action is what a foreign key does, without ON DELETE.
func (w *writer) action(v value, known map[atom]string, tuples bool) string {
	switch v := v.(type) {
	case atom:
		if s, ok := known[v]; ok || v == "nothing" {
			return s
		}
		w.raise("an unknown action of a foreign key: " + inspect(v))
	case tuple:
		if tuples && len(v) == 2 && (v[0] == atom("nilify") || v[0] == atom("default")) {
			what := "SET NULL"
			if v[0] == atom("default") {
				what = "SET DEFAULT"
			}
			return what + " (" + w.quoteAll(v[1]) + ")"
		}
		w.raise("an unknown action of a foreign key: " + inspect(v))
	default:
		return w.s(v)
	}
	return ""
}

var matches = map[atom]string{"full": " MATCH FULL", "simple": " MATCH SIMPLE", "partial": " MATCH PARTIAL"}

// foreignKey is the constraint of a reference.
func (w *writer) foreignKey(ref, table *object, column value) string {
	columns, targets := list{column}, list{refOption(ref, "column", atom("id"))}
	with, _ := keywordOf(ref.opts.last("with"))
	for _, p := range with {
		columns, targets = append(columns, atom(p.key)), append(targets, p.value)
	}
	prefix, name := referred(ref, table)
	sql := "CONSTRAINT " + w.keyName(ref, table, column) + " FOREIGN KEY (" + w.quoteAll(columns) + ") REFERENCES " +
		w.quoteIn(prefix, name) + "(" + w.quoteAll(targets) + ")"
	if m, ok := ref.opts.last("match").(atom); ok {
		sql += matches[m]
	}
	if a := w.action(refOption(ref, "on_delete", atom("nothing")), onDelete, true); a != "" {
		sql += " ON DELETE " + a
	}
	if a := w.action(refOption(ref, "on_update", atom("nothing")), onUpdate, false); a != "" {
		sql += " ON UPDATE " + a
	}
	return sql + when(ref.opts.last("validate") == lie, " NOT VALID")
}

// references is a reference in the vocabulary of package ecto.
func (w *writer) references(ref, table *object, column string) *ecto.References {
	prefix, name := referred(ref, table)
	r := &ecto.References{
		Table: w.nameOf(prefix, name), Column: w.s(refOption(ref, "column", atom("id"))),
		Constraint: strings.Trim(w.keyName(ref, table, words(column)), `"`), NotValid: ref.opts.last("validate") == lie,
		OnDelete: w.action(refOption(ref, "on_delete", atom("nothing")), onDelete, true),
		OnUpdate: w.action(refOption(ref, "on_update", atom("nothing")), onUpdate, false),
	}
	with, _ := keywordOf(ref.opts.last("with"))
	for _, p := range with {
		r.With = append(r.With, p.key, w.s(p.value))
	}
	return r
}
