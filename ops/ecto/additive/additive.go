// Package additive says of migrations whether the release before can go on working after them: whether they only add.
//
// It is the question of a rollback: the database stays as the migrations left it, and code that does not know of them runs
// again. Where that cannot be told from the operations, the answer is no, and says so. It judges the way up only, and asks
// no database.
package additive

import (
	"fmt"
	"strings"

	"ops-console/ops/ecto"
)

// Verdict is what was found of one migration.
type Verdict struct {
	Migration ecto.Migration
	Additive  bool
	// Why is what forbids going back, with table and column; empty where it is additive. It is the first of Reasons.
	Why     string
	Reasons []Reason
}

// Reason is one operation that the release before could not live with.
type Reason struct {
	At   ecto.Span
	Text string
	// Unknown says that it may be harmless: nobody can tell from the operation.
	Unknown bool
}

// Judge looks at migrations that run one after the other. What they make themselves the release before does not know, and
// whatever is done to it is harmless.
func Judge(pending []ecto.Migration) []Verdict {
	j := judge{tables: map[ecto.Name]bool{}, columns: map[column]bool{}}
	out := make([]Verdict, 0, len(pending))
	for _, m := range pending {
		v := Verdict{Migration: m}
		for _, n := range m.Notes {
			if n.Code == "parse-error" {
				v.Reasons = append(v.Reasons, Reason{n.At, "the file cannot be read: " + n.Text, true})
			}
		}
		for _, o := range ecto.Sequence(m.Up) {
			if r, bad := j.operation(o); bad {
				r.At = o.At
				v.Reasons = append(v.Reasons, r)
			}
		}
		v.Additive = len(v.Reasons) == 0
		if !v.Additive {
			v.Why = v.Reasons[0].Text
		}
		out = append(out, v)
	}
	return out
}

type column struct {
	table ecto.Name
	name  string
}

// judge knows what the migrations so far made.
type judge struct {
	tables  map[ecto.Name]bool
	columns map[column]bool
}

// harmless are the kinds that the release before notices nothing of, or only by being faster or slower.
var harmless = kinds(
	ecto.CreateTableAs, ecto.SetDefault, ecto.DropNotNull, ecto.AlterColumn, ecto.RenameIndex, ecto.AttachIndex, ecto.Reindex,
	ecto.Validate, ecto.RenameConstr, ecto.RewriteTable, ecto.CreatePartition, ecto.AttachPartition, ecto.CreateType, ecto.CreateDomain,
	ecto.CreateExtension, ecto.CreateSchema, ecto.CreateMatview, ecto.RefreshMatview, ecto.CreateSequence, ecto.AddIdentity,
	ecto.Insert, ecto.Copy, ecto.Select, ecto.LockTable, ecto.Set, ecto.Transaction, ecto.Vacuum, ecto.Analyze, ecto.Comment, ecto.System,
	ecto.Flush, ecto.Dangling,
)

func kinds(kk ...ecto.Kind) map[ecto.Kind]bool {
	m := make(map[ecto.Kind]bool, len(kk))
	for _, k := range kk {
		m[k] = true
	}
	return m
}

// breaks says what is wrong with a kind that is never additive on what was there before.
var breaks = map[ecto.Kind]string{
	ecto.DropTable:       "the table {table} is dropped",
	ecto.RenameTable:     "the table {table} is renamed to {to}",
	ecto.SetSchema:       "the table {table} moves to another schema",
	ecto.RemoveColumn:    "the column {table}.{column} is dropped",
	ecto.RenameColumn:    "the column {table}.{column} is renamed",
	ecto.AlterType:       "the type of {table}.{column} is changed",
	ecto.DropDefault:     "{table}.{column} loses its default, on which inserts may rely",
	ecto.SetNotNull:      "{table}.{column} must not be null any more",
	ecto.DetachPartition: "a partition is detached from {table}",
	ecto.Truncate:        "{table} is emptied",
	ecto.Delete:          "rows of {table} are deleted",
	ecto.AddEnumValue:    "rows with the new value of the type {name} cannot be loaded by code that does not know it",
	ecto.RenameEnumValue: "a value of the type {name} is renamed",
	ecto.DropType:        "the type {name} is dropped",
	ecto.RenameSchema:    "the schema {name} is renamed",
	ecto.DropSchema:      "the schema {name} is dropped",
	ecto.DropView:        "the view {name} is dropped",
	ecto.Drop:            "{name} is dropped",
}

// unclear says what cannot be told of a kind.
var unclear = map[ecto.Kind]string{
	ecto.AlterTable:    "what ALTER TABLE {table} does here is not known to be harmless",
	ecto.Update:        "rows of {table} are changed: whether the release before can live with them cannot be told",
	ecto.CreateTrigger: "a trigger on {table} changes what a write does",
	ecto.DropTrigger:   "a trigger on {table} is dropped, on which the release before may rely",
	ecto.SetTrigger:    "triggers of {table} are switched",
	ecto.RowSecurity:   "row security of {table} is switched",
	ecto.CreatePolicy:  "a policy on {table} changes who sees which row",
	ecto.Grant:         "rights are changed",
	ecto.Do:            "an anonymous block runs, and what it does cannot be told",
	ecto.OtherSQL:      "a statement runs whose effect is not known",
	ecto.BrokenSQL:     "a statement cannot be read",
	ecto.Dynamic:       "SQL runs that is only known when it runs",
	ecto.Function:      "a function runs, and what it does cannot be told",
	ecto.RepoCall:      "{name} runs, and what it does to rows cannot be told",
	ecto.ModuleCall:    "{name} runs, and what it does cannot be told",
}

// operation says what the release before could not live with.
func (j *judge) operation(o ecto.Operation) (Reason, bool) {
	if o.Kind == ecto.CreateTable {
		j.tables[o.Table] = !o.IfNotExists // one that may be there already is not new
		return Reason{}, false
	}
	if j.tables[o.Table] && o.Table.Name != "" && !o.Partial && o.Kind != ecto.RepoCall {
		return Reason{}, false
	}
	if f, ok := special[o.Kind]; ok {
		text := f(j, o)
		return Reason{Text: text}, text != ""
	}
	if harmless[o.Kind] {
		return Reason{}, false
	}
	if j.columns[column{o.Table, o.Column.Name}] && o.Column.Name != "" {
		return Reason{}, false
	}
	if text, ok := breaks[o.Kind]; ok {
		return Reason{Text: say(text, o)}, true
	}
	if text, ok := unclear[o.Kind]; ok {
		return Reason{Text: say(text, o), Unknown: true}, true
	}
	return Reason{Text: fmt.Sprintf("%s is not known to be harmless", strings.ReplaceAll(string(o.Kind), "_", " ")), Unknown: true}, true
}

func say(text string, o ecto.Operation) string {
	name := o.Name.String()
	if o.Kind == ecto.ModuleCall && o.Text != "" && o.Name.Name == "" {
		name = o.Text
	}
	return strings.NewReplacer("{table}", o.Table.String(), "{column}", o.Column.Name, "{name}", name, "{to}", o.To.String()).Replace(text)
}

// special are the kinds whose answer depends on more than the kind. An empty text is additive.
var special = map[ecto.Kind]func(*judge, ecto.Operation) string{
	ecto.AddColumn: func(j *judge, o ecto.Operation) string {
		c := o.Column
		j.columns[column{o.Table, c.Name}] = !o.IfNotExists
		filled := c.Default != nil && !c.Default.Null || c.Generated != "" || c.Identity || strings.Contains(c.Type, "serial")
		if c.Null != nil && !*c.Null && !filled || c.PrimaryKey && !filled {
			return fmt.Sprintf("%s.%s must not be null and has no default: inserts of the release before fail", o.Table, c.Name)
		}
		return ""
	},
	ecto.ModifyColumn: func(j *judge, o ecto.Operation) string {
		c := o.Column
		switch {
		case j.columns[column{o.Table, c.Name}]:
			return ""
		case o.From != nil && o.From.Type == c.Type && (c.Null == nil || *c.Null):
			return "" // it only loosens, and says so
		}
		return fmt.Sprintf("the column %s.%s is changed", o.Table, c.Name)
	},
	ecto.CreateIndex: func(j *judge, o ecto.Operation) string {
		if !o.Unique {
			return ""
		}
		for _, c := range o.Columns {
			if j.columns[column{o.Table, c.Name}] {
				return "" // over a column that the release before does not fill
			}
		}
		return fmt.Sprintf("%s may not have two rows alike any more (%s)", o.Table, o.Name.Name)
	},
	ecto.DropIndex: func(_ *judge, o ecto.Operation) string {
		if o.Unique {
			return fmt.Sprintf("the unique index %s of %s is dropped, on which upserts may rely", o.Name.Name, o.Table)
		}
		return ""
	},
	ecto.AddConstraint: func(j *judge, o ecto.Operation) string {
		if len(o.Columnset) > 0 {
			for _, name := range o.Columnset {
				if !j.columns[column{o.Table, name}] {
					return constrained(o)
				}
			}
			return ""
		}
		return constrained(o)
	},
	ecto.DropConstraint: func(_ *judge, o ecto.Operation) string {
		switch o.Constraint {
		case ecto.UniqueKey, ecto.PrimaryKey, ecto.Exclusion:
			return fmt.Sprintf("the constraint %s of %s is dropped, on which upserts may rely", o.Name.Name, o.Table)
		}
		return ""
	},
	ecto.CreateFunction: replaced("function"),
	ecto.CreateView:     replaced("view"),
}

func constrained(o ecto.Operation) string {
	return fmt.Sprintf("the constraint %s of %s may refuse what the release before writes", o.Name.Name, o.Table)
}

// replaced is additive where nothing of the name was there.
func replaced(what string) func(*judge, ecto.Operation) string {
	return func(_ *judge, o ecto.Operation) string {
		text := strings.ToLower(o.Text + " " + strings.Join(o.SQL, " "))
		if strings.Contains(text, "or replace") {
			return fmt.Sprintf("the %s %s may be replaced by another", what, o.Name)
		}
		return ""
	}
}
