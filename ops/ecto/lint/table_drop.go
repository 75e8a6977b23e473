package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
)

func (s *site) dropTable() {
	if s.Down {
		return
	}
	severity, why := s.inCode(Error, s.Op.Table, "")
	f := Finding{
		Severity: severity, Why: why,
		Text:   fmt.Sprintf("%s is dropped: its rows are gone for good, and code that still reads it fails (42P01)", s.Op.Table),
		Recipe: "deploy code that does not name the table first, drop it in a later deploy",
	}
	if severity < Error {
		f.Text = fmt.Sprintf("%s is dropped: its rows are gone for good", s.Op.Table)
		f.Recipe = "make sure that a backup has what may be needed again"
	}
	s.Emit(f)
}

func (s *site) dropCascade() {
	o := s.Op
	if !o.Cascade {
		return
	}
	var lost []string
	t := s.Own()
	switch o.Kind {
	case ecto.DropTable:
		for _, r := range s.State.References(o.Table) {
			if r.From.Name != o.Table {
				lost = append(lost, "foreign key "+r.Constraint.Name+" of "+r.From.Name.String())
			}
		}
		if t != nil {
			for _, d := range t.Dependents {
				lost = append(lost, d.Kind+" "+d.Name.String())
			}
		}
	case ecto.RemoveColumn:
		for _, d := range t.DependsOn(o.Column.Name) {
			lost = append(lost, d.Kind+" "+d.Name.String())
		}
	}
	slices.Sort(lost)
	lost = slices.Compact(lost)
	what := dropped(o)
	f := Finding{
		Text:   "dropping " + what + " with CASCADE also drops whatever depends on it, without naming it",
		Recipe: "drop what depends on it by name first, and leave CASCADE out: then nothing is lost unseen",
	}
	switch {
	case len(lost) > 0:
		f.Text = "dropping " + what + " with CASCADE also drops " + strings.Join(lost, ", ")
	case t != nil && s.State.Complete && (o.Kind == ecto.DropTable || o.Kind == ecto.RemoveColumn):
		f.Severity, f.Why = Info, []string{"nothing is known to depend on it now"}
	case o.Kind == ecto.DropView || o.Kind == ecto.Drop:
		f.Severity = Warning
	}
	s.Emit(f)
}

// dropped is what an operation drops, in words.
func dropped(o *ecto.Operation) string {
	switch o.Kind {
	case ecto.DropTable:
		return "table " + o.Table.String()
	case ecto.RemoveColumn:
		return o.Table.String() + "." + o.Column.Name
	case ecto.DropConstraint:
		return "constraint " + o.Name.Name + " of " + o.Table.String()
	case ecto.DropType:
		return "type " + o.Name.String()
	case ecto.DropSchema:
		return "schema " + o.Name.String()
	case ecto.DropView:
		return "view " + o.Name.String()
	}
	return strings.TrimSpace(strings.ToLower(o.Expression) + " " + o.Name.String())
}

func (s *site) truncate(cascade bool) {
	o := s.Op
	if o.Cascade != cascade {
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("every row of %s is deleted under ACCESS EXCLUSIVE, for good", o.Table),
		Recipe: "delete rows in batches outside of the migration, or empty the table while nobody uses it",
	}
	if cascade {
		f.Text += ", and every row of the tables that refer to it"
		var names []string
		for _, r := range s.State.References(o.Table) {
			names = append(names, r.From.Name.String())
		}
		if slices.Sort(names); len(names) > 0 {
			f.Text = fmt.Sprintf("every row of %s is deleted for good, and of what refers to it: %s", o.Table, strings.Join(slices.Compact(names), ", "))
		}
		f.Recipe = "name every table that is to be emptied, and leave CASCADE out"
	}
	s.Emit(f)
}

// bridged says whether the transaction leaves a view with the old name behind.
func (s *site) bridged() bool {
	return s.InTransaction() && slices.ContainsFunc(s.Ops[s.Index:], func(x ecto.Operation) bool {
		return x.Kind == ecto.CreateView && x.Name == s.Op.Table
	})
}

func (s *site) renameTable() {
	o := s.Op
	if s.Down || s.bridged() {
		return
	}
	old, known := s.uses(o.Table, "")
	renamed, _ := s.uses(o.To, "")
	f := Finding{
		Severity: Error,
		Text:     fmt.Sprintf("%s becomes %s: until all instances run code that knows it, their queries fail (42P01)", o.Table, o.To),
		Recipe:   "keep the table's name and rename the schema module alone, or leave a view with the old name behind until the last old instance is gone",
	}
	switch {
	case !known:
		f.Why = []string{"assumed to be in use: no schemas of the application were read"}
	case len(old) > 0 && !s.madeLater(o.Table):
		f.Why = []string{useText(old[0]) + " still names " + o.Table.String()}
	case len(renamed) > 0:
		f.Why = []string{useText(renamed[0]) + " names " + o.To.String() + ": what runs before this deploy names " + o.Table.String()}
	case len(old) > 0:
		f.Why = []string{"assumed to be in use: a later migration makes another table of the name"}
	default:
		f.Severity, f.Why = Info, []string{"no schema of the application names " + o.Table.String() + " or " + o.To.String()}
	}
	if o.Kind == ecto.RenameTable {
		f.Code = change(fmt.Sprintf("rename %s, to: %s", tableCall(o.Table), tableCall(o.To)),
			executeBoth(fmt.Sprintf("CREATE VIEW %s AS SELECT * FROM %s", qualified(o.Table), qualified(o.To)), "DROP VIEW "+qualified(o.Table))) +
			"\n\n# when nothing names " + o.Table.Name + " any more\n" + change(execute("DROP VIEW %s", qualified(o.Table)))
	}
	s.Emit(f)
}

// madeLater says whether a later migration makes a table of that name: it is what the code of today names.
func (s *site) madeLater(table ecto.Name) bool {
	i := slices.IndexFunc(s.Migrations, func(m ecto.Migration) bool { return m.Path == s.Migration.Path })
	return slices.ContainsFunc(s.Migrations[i+1:], func(m ecto.Migration) bool {
		return slices.ContainsFunc(m.Up, func(o ecto.Operation) bool {
			return o.Kind == ecto.CreateTable && o.Table == table || o.Kind == ecto.RenameTable && o.To == table
		})
	})
}

func (s *site) renameSchema() {
	o := s.Op
	f := Finding{
		Text:   fmt.Sprintf("schema %s becomes %s: every query of running code that names it fails (3F000, 42P01)", o.Name.Name, o.To.Name),
		Recipe: "make the new schema beside the old one, move tables when no code names the old one any more",
	}
	if s.App != nil {
		named := slices.ContainsFunc(s.App.List, func(a app.Schema) bool { return a.Table.Prefix == o.Name.Name })
		if !named && len(s.App.List) > 0 {
			f.Why = []string{"no @schema_prefix of the application names it, but queries may"}
			f.Severity = Warning
		}
	}
	s.Emit(f)
}
