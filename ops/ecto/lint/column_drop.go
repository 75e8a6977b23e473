package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
	"ops-console/ops/ecto/schema"
)

// unread is what is assumed of columns where the application could not be asked.
const unread = "assumed to be in use: no schemas of the application were read"

// removeColumn: once no schema names a column, nothing selects it. It is judged at the end, for a column that a later
// migration puts back tells nothing of this one.
func (s *site) removeColumn() {
	o := s.Op
	if s.Fresh(o.Table) || s.Down || s.ownColumn() {
		return
	}
	again := slices.ContainsFunc(s.Ops, func(x ecto.Operation) bool {
		return x.Kind == ecto.AddColumn && x.Table == o.Table && x.Column.Name == o.Column.Name
	})
	f := Finding{
		Mode:   s.Main().Mode,
		Text:   fmt.Sprintf("%s.%s goes: instances that run with a schema that has it fail at every query of %s (42703)", o.Table, o.Column.Name, o.Table),
		Recipe: "first deploy code whose schema does not have the field, then remove the column",
	}
	if again {
		f.Text = fmt.Sprintf("%s.%s is removed and added again: its values are lost", o.Table, o.Column.Name)
		f.Recipe = "add a column of another name, fill it from the old one, and remove that in a later deploy"
	}
	if slices.ContainsFunc(s.Ops, func(x ecto.Operation) bool {
		return x.Kind == ecto.RenameColumn && x.Table == o.Table && x.ToColumn == o.Column.Name
	}) {
		again = true
		f.Severity = Warning
		f.Text = fmt.Sprintf("another column takes the place of %s.%s: instances that run read and write it as if it were the old one", o.Table, o.Column.Name)
		f.Recipe = "keep both under names of their own, move the code from one to the other, then remove the old one"
	}
	if _, known := s.uses(o.Table, o.Column.Name); !known {
		f.Why = []string{unread}
		s.Remark(f)
		return
	}
	say, table := s.weighed(), s.Own()
	s.Later(func(final *schema.State) {
		last := finally(table, o.Table)
		uses := s.named(o.Table, last, o.Column.Name)
		if len(uses) == 0 {
			open := s.open(o.Table, last)
			if len(open) == 0 {
				return
			}
			f.Severity, f.Why = Info, []string{mayHave(open[0], o.Table)}
		} else {
			f.Why = names(uses)
		}
		if again || final.Table(last).Column(o.Column.Name) == nil {
			say(f)
		}
	})
}

// finally is what a table is called after all migrations, which is what the application calls it.
func finally(t *schema.Table, now ecto.Name) ecto.Name {
	if t == nil {
		return now
	}
	return t.Name
}

// named is where the application names a column of a table under either of its names, or under both names of the column.
func (r *run) named(table, last ecto.Name, columns ...string) []app.Use {
	var out []app.Use
	for _, c := range columns {
		uu, _ := r.uses(table, c)
		out = append(out, uu...)
		if last != table {
			uu, _ = r.uses(last, c)
			out = append(out, uu...)
		}
	}
	return out
}

// weighed is Remark in the context of now, for what is only said later.
func (s *site) weighed() func(Finding) {
	fresh, batch := s.Fresh(s.Op.Table), s.Batch(s.Op.Table)
	return func(f Finding) {
		if fresh {
			return
		}
		if batch != "" {
			f.Severity = Info
			f.Why = append(f.Why, madeWith(s.Op.Table, batch))
		}
		f.Table = s.Op.Table
		s.remark(never, f)
	}
}

// names says where the application names something, the first few times.
func names(uses []app.Use) []string {
	const most = 3
	var out []string
	for i, u := range uses {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(uses)-most))
			break
		}
		what := "schema " + u.Module
		if u.Field != "" {
			what += " has field " + u.Field
		}
		out = append(out, fmt.Sprintf("%s (%s:%d)", what, u.Path, u.At.Line))
	}
	return out
}

// removeDependents is about what goes without a word when its column does. Views and what else makes the statement fail
// are another rule's.
func (s *site) removeDependents() {
	o := s.Op
	t := s.Own()
	if t == nil || s.Down {
		return
	}
	var lost []string
	for _, i := range t.Indexes {
		if !slices.Contains(indexColumns(i.Columns), o.Column.Name) && !mentions(i.Where, o.Column.Name) {
			continue
		}
		// An index of the column alone has no use without it.
		if len(i.Columns) > 1 || mentions(i.Where, o.Column.Name) {
			lost = append(lost, "index "+i.Name)
		}
	}
	for _, k := range t.Constraints {
		if slices.Contains(k.Columns, o.Column.Name) && len(k.Columns) > 1 || k.Kind == ecto.Check && s.Live != nil && mentions(k.Expression, o.Column.Name) {
			lost = append(lost, "constraint "+k.Name)
		}
	}
	for _, r := range s.State.References(o.Table) {
		if slices.Contains(r.Constraint.ToColumns, o.Column.Name) && o.Cascade {
			lost = append(lost, fmt.Sprintf("constraint %s of %s", r.Constraint.Name, r.From.Name))
		}
	}
	if len(lost) == 0 {
		return
	}
	s.Remark(Finding{
		Mode:   s.Main().Mode,
		Text:   fmt.Sprintf("%s.%s takes with it, without a word: %s", o.Table, o.Column.Name, strings.Join(lost, ", ")),
		Recipe: "build what is still needed first, concurrently, without the column",
	})
}

// mentions says whether an expression has a name in it.
func mentions(expression, name string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(expression, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
	}), func(w string) bool { return w == name })
}

// renameColumn breaks the code that runs if it knows the old name, and the code that comes if it knows the new one.
func (s *site) renameColumn() {
	o := s.Op
	if s.Down || s.renamedBack() || s.ownColumn() {
		return
	}
	f := Finding{
		Mode:   s.Main().Mode,
		Text:   fmt.Sprintf("instances that run know %s.%s by its old name: every query of %s fails (42703) from the rename until the last of them is gone", o.Table, o.Column.Name, o.Table),
		Recipe: "leave the column and rename the field: source: says what the column is called",
		Code:   fmt.Sprintf("field %s, %s, source: %s", atom(o.ToColumn), s.fieldType(), atom(o.Column.Name)),
	}
	if _, known := s.uses(o.Table, o.Column.Name); !known {
		f.Why = []string{unread}
		s.Remark(f)
		return
	}
	say, table := s.weighed(), s.Own()
	s.Later(func(*schema.State) {
		if uses := s.named(o.Table, finally(table, o.Table), o.Column.Name, o.ToColumn); len(uses) > 0 {
			f.Why = names(uses)
			say(f)
		}
	})
}

// ownColumn says whether this migration itself adds the operation's column: nobody knows it by this name yet.
func (s *site) ownColumn() bool {
	c := s.Column()
	return c != nil && c.AddedBy == s.Migration.Path
}

// renamedBack says whether the transaction undoes the rename, or is itself what undoes one: nobody sees it.
func (s *site) renamedBack() bool {
	return s.InTransaction() && slices.ContainsFunc(s.Ops, func(x ecto.Operation) bool {
		return x.Kind == ecto.RenameColumn && x.Table == s.Op.Table && x.Column.Name == s.Op.ToColumn && x.ToColumn == s.Op.Column.Name
	})
}

// fieldType is the type of a schema's field, as far as a column's tells it.
func (s *site) fieldType() string {
	c := s.Column()
	if c == nil {
		return ":string"
	}
	base, _, _ := strings.Cut(c.Type, "(")
	switch strings.TrimSpace(strings.ToLower(base)) {
	case "bigint", "integer", "smallint", "int", "serial", "bigserial":
		return ":integer"
	case "boolean":
		return ":boolean"
	case "jsonb", "json":
		return ":map"
	case "timestamp":
		return ":naive_datetime"
	case "timestamptz", "timestamp with time zone":
		return ":utc_datetime"
	case "uuid":
		return ":binary_id"
	case "numeric", "decimal":
		return ":decimal"
	case "float", "double precision":
		return ":float"
	case "date":
		return ":date"
	}
	return ":string"
}
