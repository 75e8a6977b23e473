package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

// uniqueIndexData also follows what is dropped: where something else kept the values apart until now, they are.
func (s *site) uniqueIndexData() {
	o := s.Op
	switch o.Kind {
	case ecto.DropIndex:
		if _, i := s.State.Index(o.Name); i != nil && i.Unique {
			s.apart = append(s.apart, indexColumns(i.Columns))
		}
		return
	case ecto.DropConstraint:
		if k := s.Own().Constraint(o.Name.Name); k != nil && (k.Kind == ecto.UniqueKey || k.Kind == ecto.PrimaryKey) {
			s.apart = append(s.apart, slices.Clone(k.Columns))
		}
		return
	case ecto.RenameColumn:
		for _, columns := range s.apart {
			if i := slices.Index(columns, o.Column.Name); i >= 0 {
				columns[i] = o.ToColumn
			}
		}
		return
	case ecto.ModifyColumn, ecto.AlterType:
		// What is not alike as one type may be as another: text and citext.
		s.apart = slices.DeleteFunc(s.apart, func(columns []string) bool { return slices.Contains(columns, o.Column.Name) && s.retyped() })
		return
	}
	if !o.Unique || s.keptApart() || s.emptied() {
		return
	}
	query := s.duplicates()
	f := Finding{
		Text:   fmt.Sprintf("rows of %s that are alike make %s fail", o.Table, indexName(o)),
		Recipe: "look for them first, and decide which one stays",
		Code:   query,
	}
	if o.Concurrent {
		f.Text += ", and leave it behind invalid"
	}
	s.Remark(f)
}

// keptApart says whether no two rows can be alike: for another key says so, or for a column is new and has no value.
func (s *site) keptApart() bool {
	want := indexColumns(s.Op.Columns)
	within := func(columns []string) bool {
		return len(columns) > 0 && !slices.ContainsFunc(columns, func(c string) bool { return c == "" || !slices.Contains(want, c) })
	}
	t := s.Own()
	if t == nil {
		return slices.ContainsFunc(s.apart, within)
	}
	for _, name := range want {
		c := t.Column(name)
		if c != nil && c.AddedBy == s.Migration.Path && (c.Default == nil || c.Default.Null) && !s.written() {
			return true
		}
	}
	return slices.ContainsFunc(s.apart, within) ||
		slices.ContainsFunc(t.Indexes, func(i schema.Index) bool {
			return i.Unique && !i.Invalid && i.Where == "" && within(indexColumns(i.Columns))
		}) ||
		slices.ContainsFunc(t.Constraints, func(k schema.Constraint) bool {
			return (k.Kind == ecto.PrimaryKey || k.Kind == ecto.UniqueKey) && within(k.Columns)
		})
}

// written says whether something before may have filled columns in.
func (s *site) written() bool {
	return slices.ContainsFunc(s.Ops[:s.Index], func(o ecto.Operation) bool {
		switch o.Kind {
		case ecto.Update, ecto.Insert, ecto.Copy, ecto.Do:
			return o.Table.Name == "" || o.Table == s.Op.Table
		case ecto.Function, ecto.RepoCall, ecto.ModuleCall, ecto.Dynamic:
			return true
		}
		return false
	})
}

// emptied says whether the migration takes all rows out of the operation's table before.
func (s *site) emptied() bool {
	return slices.ContainsFunc(s.Ops[:s.Index], func(o ecto.Operation) bool {
		return o.Table == s.Op.Table && (o.Kind == ecto.Truncate || o.Kind == ecto.Delete && o.Where == "")
	})
}

func indexColumns(cc []ecto.IndexColumn) []string {
	out := make([]string, len(cc))
	for i, c := range cc {
		out[i] = c.Name
	}
	return out
}

// duplicates is the query that finds the rows which would make the operation's index fail.
func (s *site) duplicates() string {
	var cc []string
	for _, c := range s.Op.Columns {
		if c.Name != "" {
			cc = append(cc, ident(c.Name))
		} else {
			cc = append(cc, c.Expression)
		}
	}
	list := strings.Join(cc, ", ")
	where := ""
	if s.Op.Where != "" {
		where = " WHERE " + s.Op.Where
	}
	return fmt.Sprintf("SELECT %s, count(*) FROM %s%s GROUP BY %s HAVING count(*) > 1 LIMIT 20;", list, qualified(s.Op.Table), where, list)
}

// fkMissingIndex waits until all migrations were seen: the index may come later.
func (s *site) fkMissingIndex() {
	o := s.Op
	var columns []string
	var to ecto.Name
	switch {
	case o.Kind == ecto.DropIndex:
		s.keysWithoutIndex()
		return
	case o.Column.References != nil:
		columns, to = []string{o.Column.Name}, o.Column.References.Table
	case o.Kind == ecto.AddConstraint && o.Constraint == ecto.ForeignKey && len(o.Columnset) > 0:
		columns, to = o.Columnset, o.To
	default:
		return
	}
	if s.Down {
		return
	}
	s.Later(func(final *schema.State) {
		if s.lost[lostKey(o.Table, columns)] {
			return // where its index is dropped it is said
		}
		s.withoutIndex(final, o.Table, columns, to, fmt.Sprintf("no index of %s begins with %s", o.Table, strings.Join(columns, ", ")))
	})
}

// withoutIndex reports a foreign key that has no index after all migrations.
func (s *site) withoutIndex(final *schema.State, table ecto.Name, columns []string, to ecto.Name, text string) {
	t := final.Table(table)
	if t == nil || !refers(t, columns, to) || indexed(t, columns) || s.reported("fk", table, columns) {
		return
	}
	if i := slices.IndexFunc(t.Indexes, func(i schema.Index) bool { return i.Where != "" && begins(&i, columns) }); i >= 0 && t.Indexes[i].Name != "" {
		text = fmt.Sprintf("only index %s of %s begins with %s, and it does not have all rows", t.Indexes[i].Name, table, strings.Join(columns, ", "))
	}
	s.Remark(Finding{
		Table:  table,
		Text:   fmt.Sprintf("%s: every delete in %s, and every change of its key, reads all of %s", text, to, table),
		Recipe: "add an index on the referencing column, concurrently where the table is in use",
		Code:   s.outside(fmt.Sprintf("create index(%s, %s, concurrently: true)", atom(table.Name), atoms(columns...))),
	})
}

// keysWithoutIndex looks at the foreign keys that an index serves which is dropped.
func (s *site) keysWithoutIndex() {
	t, i := s.State.Index(s.Op.Name)
	if i == nil || s.Down {
		return
	}
	for _, k := range t.Constraints {
		if k.Kind != ecto.ForeignKey || !serves(i, k.Columns) {
			continue
		}
		table, name, key := t.Name, i.Name, k
		s.lost[lostKey(table, key.Columns)] = true
		s.Later(func(final *schema.State) {
			s.withoutIndex(final, table, key.Columns, key.To, fmt.Sprintf("without %s no index of %s begins with %s", name, table, strings.Join(key.Columns, ", ")))
		})
	}
}

func lostKey(table ecto.Name, columns []string) string {
	return table.String() + " " + strings.Join(columns, ",")
}

// refers says whether a table still has a foreign key of these columns.
func refers(t *schema.Table, columns []string, to ecto.Name) bool {
	return slices.ContainsFunc(t.Constraints, func(k schema.Constraint) bool {
		return k.Kind == ecto.ForeignKey && slices.Equal(k.Columns, columns) && k.To.Name == to.Name
	})
}

// indexed says whether an index can find the rows of a foreign key. One of those that are not null is as good as one of
// all: the rows that are looked for have a value. Of a key of several columns one is enough to read few rows.
func indexed(t *schema.Table, columns []string) bool {
	if t.Leading(columns...) || slices.ContainsFunc(columns, func(c string) bool { return t.Leading(c) }) {
		return true
	}
	return slices.ContainsFunc(t.Indexes, func(i schema.Index) bool { return i.Where != "" && serves(&i, columns) })
}

// serves says whether an index begins with columns and has all rows in which they have values.
func serves(i *schema.Index, columns []string) bool {
	return begins(i, columns) && (i.Where == "" || notNullOnly(i.Where, columns))
}

// begins says whether a valid index begins with columns, in whatever order.
func begins(i *schema.Index, columns []string) bool {
	if i.Invalid || len(columns) == 0 || len(i.Columns) < len(columns) {
		return false
	}
	for _, c := range columns {
		if !slices.ContainsFunc(i.Columns[:len(columns)], func(x ecto.IndexColumn) bool { return x.Name == c }) {
			return false
		}
	}
	return true
}

// notNullOnly says whether a condition holds wherever the columns have values.
func notNullOnly(where string, columns []string) bool {
	w := strings.ToLower(strings.Trim(strings.ReplaceAll(where, `"`, ""), "() "))
	return slices.ContainsFunc(columns, func(c string) bool { return w == strings.ToLower(c)+" is not null" })
}

// limit is how long a name can be, in bytes (NAMEDATALEN in src/include/pg_config_manual.h).
const limit = 63

func (s *site) nameTooLong() {
	o := s.Op
	names := map[string]string{}
	switch o.Kind {
	case ecto.CreateTable:
		names["table"] = o.Table.Name
	case ecto.AddColumn, ecto.ModifyColumn:
		names["column"] = o.Column.Name
		if r := o.Column.References; r != nil {
			names["constraint"] = r.Constraint
		}
	case ecto.CreateIndex:
		names["index"] = o.Name.Name
	case ecto.AddConstraint:
		names["constraint"] = o.Name.Name
	case ecto.RenameColumn:
		names["column"] = o.ToColumn
	default:
		names["name"] = o.To.Name
	}
	for _, what := range []string{"table", "column", "index", "constraint", "name"} {
		name := names[what]
		if len(name) <= limit {
			continue
		}
		f := Finding{
			Text: fmt.Sprintf("%s %s has %d bytes: PostgreSQL cuts it to %s, and whoever looks for the whole name, as unique_constraint and foreign_key_constraint do, misses it",
				what, name, len(name), cut(name)),
			Recipe: "give it a shorter name with name:",
		}
		if what == "index" {
			short := *o
			short.Name.Name = shorter(name)
			if call := indexCall(&short, o.Concurrent); call != "" {
				f.Code = "create " + call
			}
		}
		s.Remark(f)
	}
}

// cut is a name as PostgreSQL cuts it, which is not within a character.
func cut(name string) string {
	n := limit
	for n > 0 && name[n]&0xC0 == 0x80 {
		n--
	}
	return name[:n]
}

// shorter is a name that fits, with its end kept, for that says what it is.
func shorter(name string) string {
	end := name[max(strings.LastIndexByte(name, '_'), 0):]
	if len(end) > 20 {
		end = ""
	}
	return strings.TrimRight(cut(name)[:min(limit-len(end), len(cut(name)))], "_") + end
}
