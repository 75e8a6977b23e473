package lower

import (
	"regexp"
	"strings"

	"ops-console/ops/ecto"
)

// This file follows lib/ecto/adapters/postgres/connection.ex of ecto_sql: execute_ddl.

// ddl is the statements of a command, and its operations: the first carries the statements.
func (w *writer) ddl(c *command) (sql []string, ops []ecto.Operation) {
	switch c.object.kind {
	case "table":
		switch c.do {
		case "create", "create_if_not_exists":
			return w.createTable(c)
		case "alter":
			return w.alter(c)
		case "drop", "drop_if_exists":
			return w.dropTable(c)
		case "rename_column":
			return w.renameColumn(c)
		}
		return w.renameTable(c)
	case "index":
		switch c.do {
		case "create", "create_if_not_exists":
			return w.createIndex(c)
		case "drop", "drop_if_exists":
			return w.dropIndex(c)
		}
		return w.renameIndex(c)
	}
	if c.do == "create" || c.do == "create_if_not_exists" {
		return w.createConstraint(c)
	}
	return w.dropConstraint(c)
}

func (w *writer) nameOf(prefix, name value) ecto.Name {
	n := ecto.Name{Name: w.s(name)}
	if prefix != null {
		n.Prefix = w.s(prefix)
	}
	return n
}

func (w *writer) tableName(o *object) ecto.Name { return w.nameOf(o.prefix, o.table) }
func (w *writer) tableQuoted(o *object) string  { return w.quoteIn(o.prefix, o.table) }

func (w *writer) createTable(c *command) ([]string, []ecto.Operation) {
	o := c.object
	table := w.tableQuoted(o)
	var b strings.Builder
	b.WriteString("CREATE ")
	if v := o.opts.last("modifiers"); v != null {
		b.WriteString(w.s(v) + " ")
	}
	b.WriteString("TABLE ")
	if c.do == "create_if_not_exists" {
		b.WriteString("IF NOT EXISTS ")
	}
	b.WriteString(table + " (")
	head := ecto.Operation{Kind: ecto.CreateTable, At: c.at, Table: w.tableName(o), IfNotExists: c.do == "create_if_not_exists"}
	ops := []ecto.Operation{head}
	for i, s := range c.subs {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.do != "add" {
			w.raise(s.do + " within create raises")
			continue
		}
		b.WriteString(w.definition(o, s))
		ops = append(ops, w.addColumn(c, s))
	}
	b.WriteString(w.keys(c.subs, ", "))
	b.WriteString(")")
	if v := o.opts.last("options"); v != null {
		if _, isList := v.(list); isList {
			w.raise("the PostgreSQL adapter takes no keyword list in options")
		}
		options := w.s(v)
		b.WriteString(" " + options)
		if i := strings.Index(strings.ToUpper(options), "PARTITION BY"); i >= 0 {
			ops[0].Expression = "PARTITION BY" + options[i+len("PARTITION BY"):]
		}
	}
	return append([]string{b.String()}, w.comments("TABLE", table, o, c.subs)...), ops
}

// definition is a column in CREATE TABLE.
func (w *writer) definition(o *object, s sub) string {
	if ref, ok := s.kind.(*object); ok {
		kind := refType(ref)
		return w.quote(s.name) + " " + w.referenceType(kind, s.opts) + w.options(kind, s.opts) + ", " + w.foreignKey(ref, o, s.name)
	}
	return w.quote(s.name) + " " + w.columnType(s.kind, s.opts) + w.options(s.kind, s.opts)
}

// keys is the primary key that columns say they are of.
func (w *writer) keys(subs []sub, before string) string {
	var names list
	for _, s := range subs {
		if s.do != "remove" && len(s.opts) > 0 && given(orNull(s.opts, "primary_key")) {
			names = append(names, s.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return before + "PRIMARY KEY (" + w.quoteAll(names) + ")"
}

// comments are the statements for the comments of a table and its columns.
func (w *writer) comments(kind, name string, o *object, subs []sub) []string {
	var out []string
	if v := o.opts.last("comment"); v != null {
		out = append(out, "COMMENT ON "+kind+" "+name+" IS "+literalSQL(w.s(v)))
	}
	for _, s := range subs {
		if v, ok := s.opts.get("comment"); ok && v != null && s.do != "remove" {
			out = append(out, "COMMENT ON COLUMN "+name+"."+w.quote(s.name)+" IS "+literalSQL(w.s(v)))
		}
	}
	return out
}

func (w *writer) addColumn(c *command, s sub) ecto.Operation {
	return ecto.Operation{
		Kind: ecto.AddColumn, At: s.at, Table: w.tableName(c.object), IfNotExists: s.do == "add_if_not_exists",
		Column: w.columnOf(c.object, w.s(s.name), s.kind, s.opts), Conditional: s.marks.conditional, Repeated: s.marks.repeated,
	}
}

func (w *writer) dropTable(c *command) ([]string, []ecto.Operation) {
	ifExists := c.do == "drop_if_exists"
	return []string{"DROP TABLE " + when(ifExists, "IF EXISTS ") + w.tableQuoted(c.object) + when(c.cascade, " CASCADE")},
		[]ecto.Operation{{Kind: ecto.DropTable, Table: w.tableName(c.object), IfExists: ifExists, Cascade: c.cascade}}
}

func when(yes bool, s string) string {
	if yes {
		return s
	}
	return ""
}

func (w *writer) renameTable(c *command) ([]string, []ecto.Operation) {
	to := w.tableName(c.to)
	// RENAME TO leaves a table in its schema, whatever the new one says.
	to.Prefix = w.tableName(c.object).Prefix
	return []string{"ALTER TABLE " + w.tableQuoted(c.object) + " RENAME TO " + w.quote(c.to.table)},
		[]ecto.Operation{{Kind: ecto.RenameTable, Table: w.tableName(c.object), To: to}}
}

func (w *writer) renameColumn(c *command) ([]string, []ecto.Operation) {
	return []string{"ALTER TABLE " + w.tableQuoted(c.object) + " RENAME " + w.quote(c.column) + " TO " + w.quote(c.name)},
		[]ecto.Operation{{
			Kind: ecto.RenameColumn, Table: w.tableName(c.object), Column: ecto.Column{Name: w.s(c.column)}, ToColumn: w.s(c.name),
		}}
}

// directions are what stands after a column of an index, by the atom before it.
var directions = map[atom]string{
	"asc": " ASC", "asc_nulls_first": " ASC NULLS FIRST", "asc_nulls_last": " ASC NULLS LAST",
	"desc": " DESC", "desc_nulls_first": " DESC NULLS FIRST", "desc_nulls_last": " DESC NULLS LAST",
}

// indexColumn is a column or expression of an index.
func (w *writer) indexColumn(v value) (string, ecto.IndexColumn) {
	if t, ok := v.(tuple); ok && len(t) == 2 {
		s, c := w.indexColumn(t[1])
		a, _ := t[0].(atom)
		if directions[a] == "" {
			w.raise("an index column goes in no such direction: " + inspect(t[0]))
		}
		return s + directions[a], c
	}
	if _, ok := v.(text); ok {
		s := w.s(v)
		if name, rest, _ := strings.Cut(strings.TrimSpace(s), " "); plainColumn(name) && suffix.MatchString(rest) {
			return s, ecto.IndexColumn{Name: strings.ToLower(name), Suffix: strings.TrimSpace(rest)}
		}
		return s, ecto.IndexColumn{Expression: s}
	}
	return w.quote(v), ecto.IndexColumn{Name: w.s(v)}
}

// suffix is what may stand behind the name of a column without making an expression of it.
var suffix = regexp.MustCompile(`(?i)^\s*([a-z_][a-z0-9_.]*_ops)?\s*(asc|desc)?\s*(nulls\s+(first|last))?\s*$`)

// plainColumn says whether SQL would take a text for the name of a column.
func plainColumn(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') && r < 0x80 {
			return false
		}
	}
	return s != ""
}

// indexColumns is the columns of an index as a list.
func indexColumns(o *object) list {
	switch v := o.columns.(type) {
	case list:
		return v
	default:
		return list{v}
	}
}

// indexName is what an index is called where nothing says so.
func (w *writer) indexName(o *object) value {
	if o.name != null {
		return o.name
	}
	parts := []string{columnName(w.s(o.table))}
	for _, v := range indexColumns(o) {
		if t, ok := v.(tuple); ok && len(t) == 2 {
			v = t[1]
		}
		parts = append(parts, columnName(w.s(v)))
	}
	return words(strings.Join(append(parts, "index"), "_"))
}

// columnName is column_name of Ecto.Migration: what is no word is an underscore, and those at the end are taken off. What
// is not known is left as it is.
func columnName(s string) string {
	var b strings.Builder
	for s != "" {
		if strings.HasPrefix(s, "#{") {
			if i := strings.IndexByte(s, '}'); i > 0 {
				b.WriteString(s[:i+1])
				s = s[i+1:]
				continue
			}
		}
		if c := s[0]; c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			b.WriteByte('_')
		}
		s = s[1:]
	}
	return strings.TrimRight(b.String(), "_")
}

// unique says whether an index is: the options win over unique_index.
func unique(o *object) bool {
	u := o.unique
	for _, p := range o.opts {
		if p.key == "unique" {
			u = given(p.value)
		}
	}
	return u
}

func (w *writer) createIndex(c *command) ([]string, []ecto.Operation) {
	o := c.object
	name := w.indexName(o)
	op := ecto.Operation{
		Kind: ecto.CreateIndex, Table: w.tableName(o), Name: w.nameOf(o.prefix, name), Unique: unique(o),
		Concurrent: given(o.opts.last("concurrently")), IfNotExists: c.do == "create_if_not_exists", Only: given(o.opts.last("only")),
	}
	var fields, include []string
	for _, v := range indexColumns(o) {
		s, col := w.indexColumn(v)
		fields = append(fields, s)
		op.Columns = append(op.Columns, col)
	}
	included, _ := o.opts.last("include").(list)
	for _, v := range included {
		s, _ := w.indexColumn(v)
		include = append(include, s)
		op.Include = append(op.Include, w.s(v))
	}
	var b strings.Builder
	b.WriteString("CREATE " + when(op.Unique, "UNIQUE ") + "INDEX " + when(op.Concurrent, "CONCURRENTLY ") + when(op.IfNotExists, "IF NOT EXISTS "))
	b.WriteString(w.quote(name) + " ON " + when(op.Only, "ONLY ") + w.tableQuoted(o))
	if v := o.opts.last("using"); given(v) {
		op.Using = w.s(v)
		b.WriteString(" USING " + op.Using)
	}
	b.WriteString(" (" + strings.Join(fields, ", ") + ")")
	if len(include) > 0 {
		b.WriteString(" INCLUDE (" + strings.Join(include, ", ") + ")")
	}
	switch o.opts.last("nulls_distinct") {
	case truth:
		b.WriteString(" NULLS DISTINCT")
	case lie:
		b.WriteString(" NULLS NOT DISTINCT")
	}
	if v := o.opts.last("nulls_distinct"); v != null && !op.Unique {
		w.raise("nulls_distinct can only be used with unique indexes")
	}
	if v := o.opts.last("options"); v != null {
		b.WriteString(" WITH (" + w.s(v) + ")")
	}
	if v := o.opts.last("where"); given(v) {
		op.Where = w.s(v)
		b.WriteString(" WHERE " + op.Where)
	}
	sql := []string{b.String()}
	if v := o.opts.last("comment"); v != null {
		sql = append(sql, "COMMENT ON INDEX "+w.quoteIn(o.prefix, name)+" IS "+literalSQL(w.s(v)))
	}
	return sql, []ecto.Operation{op}
}

func (w *writer) dropIndex(c *command) ([]string, []ecto.Operation) {
	o := c.object
	name := w.indexName(o)
	op := ecto.Operation{
		Kind: ecto.DropIndex, Table: w.tableName(o), Name: w.nameOf(o.prefix, name), Concurrent: given(o.opts.last("concurrently")),
		IfExists: c.do == "drop_if_exists", Cascade: c.cascade, Unique: unique(o),
	}
	for _, v := range indexColumns(o) {
		// What is wrong with them is none of the drop's business: Ecto looks at the name alone.
		_, col := (&writer{}).indexColumn(v)
		op.Columns = append(op.Columns, col)
	}
	if v := o.opts.last("where"); given(v) {
		op.Where = (&writer{}).s(v)
	}
	return []string{"DROP INDEX " + when(op.Concurrent, "CONCURRENTLY ") + when(op.IfExists, "IF EXISTS ") + w.quoteIn(o.prefix, name) +
		when(op.Cascade, " CASCADE")}, []ecto.Operation{op}
}

func (w *writer) renameIndex(c *command) ([]string, []ecto.Operation) {
	name := w.indexName(c.object)
	op := ecto.Operation{
		Kind: ecto.RenameIndex, Table: w.tableName(c.object), Name: w.nameOf(c.object.prefix, name), To: w.nameOf(c.object.prefix, c.name),
	}
	return []string{"ALTER INDEX " + w.quoteIn(c.object.prefix, name) + " RENAME TO " + w.quote(c.name)}, []ecto.Operation{op}
}

func (w *writer) createConstraint(c *command) ([]string, []ecto.Operation) {
	o := c.object
	if c.do != "create" {
		w.raise("create_if_not_exists takes no constraint")
	}
	op := ecto.Operation{
		Kind: ecto.AddConstraint, Table: w.tableName(o), Name: ecto.Name{Name: w.s(o.name)}, NotValid: o.opts.last("validate") == lie,
	}
	body := ""
	check, exclude := o.opts.last("check"), o.opts.last("exclude")
	switch {
	case check != null && exclude != null:
		w.raise("a constraint must not have both check and exclude")
		fallthrough
	case check != null:
		op.Constraint, op.Expression = ecto.Check, w.s(check)
		body = "CHECK (" + op.Expression + ")"
	case exclude != null:
		op.Constraint, op.Expression = ecto.Exclusion, w.s(exclude)
		body = "EXCLUDE USING " + op.Expression
	default:
		w.raise("a constraint must have either check or exclude")
	}
	table := w.tableQuoted(o)
	sql := []string{"ALTER TABLE " + table + " ADD CONSTRAINT " + w.quote(o.name) + " " + body + when(op.NotValid, " NOT VALID")}
	if v := o.opts.last("comment"); v != null {
		sql = append(sql, "COMMENT ON CONSTRAINT "+w.quote(o.name)+" ON "+table+" IS "+literalSQL(w.s(v)))
	}
	return sql, []ecto.Operation{op}
}

func (w *writer) dropConstraint(c *command) ([]string, []ecto.Operation) {
	o := c.object
	op := ecto.Operation{
		Kind: ecto.DropConstraint, Table: w.tableName(o), Name: ecto.Name{Name: w.s(o.name)}, IfExists: c.do == "drop_if_exists", Cascade: c.cascade,
	}
	return []string{"ALTER TABLE " + w.tableQuoted(o) + " DROP CONSTRAINT " + when(op.IfExists, "IF EXISTS ") + w.quote(o.name) +
		when(op.Cascade, " CASCADE")}, []ecto.Operation{op}
}
