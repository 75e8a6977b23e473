package lower

import (
	"fmt"
	"strings"

	"ops-console/ops/ecto"
)

// dump writes a migration as text, for golden files.
func dump(m ecto.Migration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "module %s\n", m.Module)
	if m.DisableDDLTransaction || m.DisableMigrationLock || len(m.Callbacks) > 0 {
		fmt.Fprintf(&b, "no transaction %t, no lock %t, callbacks %v\n", m.DisableDDLTransaction, m.DisableMigrationLock, m.Callbacks)
	}
	direction(&b, "up", m.Up)
	direction(&b, "down from "+m.DownFrom, m.Down)
	for _, n := range m.Irreversible {
		fmt.Fprintf(&b, "irreversible %s: %s\n", n.At, n.Text)
	}
	for _, n := range m.Notes {
		fmt.Fprintf(&b, "note %s %s: %s\n", n.At, n.Code, n.Text)
	}
	return b.String()
}

func direction(b *strings.Builder, name string, oo []ecto.Operation) {
	fmt.Fprintf(b, "%s\n", name)
	for _, o := range oo {
		fmt.Fprintf(b, "  %d %s-%d:%d %s%s\n", o.Statement, o.At, o.At.EndLine, o.At.EndColumn, o.Kind, fields(o))
		for _, s := range o.SQL {
			fmt.Fprintf(b, "      %s\n", strings.ReplaceAll(s, "\n", "\n      "))
		}
	}
}

// fields are those of an operation that say something.
func fields(o ecto.Operation) string {
	var b strings.Builder
	put := func(name string, v any) {
		s := fmt.Sprint(v)
		switch s {
		case "", "false", "[]", "<nil>":
			return
		case "true":
			b.WriteString(" " + name)
			return
		}
		b.WriteString(" " + name + "=" + s)
	}
	put("table", o.Table)
	put("name", o.Name)
	put("to", o.To)
	put("column", columnText(&o.Column))
	put("to_column", o.ToColumn)
	put("from", columnText(o.From))
	put("columns", o.Columns)
	put("include", o.Include)
	put("columnset", o.Columnset)
	put("constraint", o.Constraint)
	put("expression", o.Expression)
	put("where", o.Where)
	put("using", o.Using)
	put("unique", o.Unique)
	put("concurrent", o.Concurrent)
	put("not_valid", o.NotValid)
	put("if_exists", o.IfExists)
	put("if_not_exists", o.IfNotExists)
	put("cascade", o.Cascade)
	put("only", o.Only)
	put("setting", o.Setting)
	put("raw", o.Raw)
	if o.Nth > 0 {
		put("nth", o.Nth)
	}
	put("conditional", o.Conditional)
	put("repeated", o.Repeated)
	put("immediate", o.Immediate)
	put("flushed", o.Flushed)
	put("partial", o.Partial)
	put("callback", o.Callback)
	if len(o.SQL) == 0 && (o.Kind == ecto.Dynamic || o.Kind == ecto.Dangling || o.Kind == ecto.ModuleCall || o.Kind == ecto.RepoCall || o.Kind == ecto.Function) {
		put("text", fmt.Sprintf("%q", o.Text))
	}
	return b.String()
}

func columnText(c *ecto.Column) string {
	if c == nil || c.Name == "" {
		return ""
	}
	s := "(" + c.Name
	if c.Type != "" {
		s += " " + c.Type
	}
	if c.EctoType != "" {
		s += " " + c.EctoType
	}
	if c.Null != nil {
		s += fmt.Sprintf(" null=%t", *c.Null)
	}
	if c.Default != nil {
		s += fmt.Sprintf(" default=%+v", *c.Default)
	}
	if c.PrimaryKey {
		s += " pk"
	}
	if c.Identity {
		s += " identity"
	}
	if c.Generated != "" {
		s += " generated=" + c.Generated
	}
	if c.Collation != "" {
		s += " collation=" + c.Collation
	}
	if c.References != nil {
		s += fmt.Sprintf(" references=%+v", *c.References)
	}
	return s + ")"
}
