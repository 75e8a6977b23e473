package lint

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// dataRules are those about rows, and about the application's code that changes them.
var dataRules = []rule{
	{
		Rule:  Rule{ID: "unbounded-dml", Title: "every row of a table is changed in one statement", Severity: Warning, Group: "data"},
		eases: bySize, kinds: []ecto.Kind{ecto.Update, ecto.Delete, ecto.RepoCall}, each: (*site).unbounded,
	},
	{
		Rule: Rule{ID: "app-code-in-migration", Title: "a migration calls code of the application, which changes after it", Severity: Info, Group: "data"},
		file: (*pass).appCode,
	},
	{
		Rule: Rule{ID: "query-before-flush", Title: "a query runs before the changes that are queued above it", Severity: Error, Group: "data"},
		file: (*pass).queriesBeforeFlush,
	},
}

func (s *site) unbounded() {
	o := s.Op
	if o.Where != "" || o.Repeated || o.Table.Name == "" {
		return
	}
	doing := map[string]string{"update_all": "updated", "delete_all": "deleted"}[o.Name.Name]
	switch o.Kind {
	case ecto.Update:
		doing = "updated"
	case ecto.Delete:
		doing = "deleted"
	}
	if doing == "" || o.Raw && bounded(o.Text) || s.alsoChanges() {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("every row of %s is %s at once: each stays locked until the last is done, and all are written again", o.Table, doing),
		Recipe: "go through the table in batches, in a migration without a DDL transaction or in a task of its own",
		Code:   s.batches(o),
	})
}

// bounded says whether a statement takes only some rows though it has no WHERE of its own.
func bounded(sql string) bool {
	words := strings.Fields(strings.ToUpper(sql))
	return slices.Contains(words, "LIMIT")
}

// alsoChanges says whether the migration changes the table as well, which backfill-in-ddl-tx reports.
func (s *site) alsoChanges() bool {
	if !s.InTransaction() {
		return false
	}
	return slices.ContainsFunc(s.Ops, func(o ecto.Operation) bool {
		return o.Table == s.Op.Table && structural[o.Kind]
	})
}

// structural are the operations on a table that lock it against writes.
var structural = map[ecto.Kind]bool{
	ecto.AddColumn: true, ecto.ModifyColumn: true, ecto.RemoveColumn: true, ecto.RenameColumn: true, ecto.AlterType: true,
	ecto.SetNotNull: true, ecto.DropNotNull: true, ecto.SetDefault: true, ecto.DropDefault: true, ecto.AddConstraint: true,
	ecto.DropConstraint: true, ecto.CreateIndex: true, ecto.AlterTable: true,
}

// queriesBeforeFlush: what the DSL says is only queued, what a repo does happens when it is reached.
func (p *pass) queriesBeforeFlush() {
	if p.Down && p.Migration.DownFrom == "change" {
		return
	}
	for i := range p.Written {
		o := &p.Written[i]
		asks := o.Raw && o.Kind != ecto.Set && o.Kind != ecto.LockTable || o.Kind == ecto.RepoCall || o.Kind == ecto.Dynamic
		if !o.Immediate || !asks {
			continue
		}
		if queued := queuedBefore(p.Written, i); queued != nil {
			p.queryBeforeFlush(o, queued)
		}
	}
}

func (p *pass) queryBeforeFlush(o, queued *ecto.Operation) {
	f := Finding{
		At: o.At, Table: o.Table, SQL: o.SQL,
		Text: fmt.Sprintf("this runs at once, and what line %d does to %s is only queued: it has not happened yet",
			queued.At.Line, orThat(queued.Table)),
		Recipe: "call flush() before it",
		Code:   "flush()",
	}
	switch {
	case o.Table.Name == "":
		f.Severity, f.Why = Warning, []string{"which table the call is about is only known when it runs"}
	case isDML(queued.Kind):
		f.Severity, f.Why = Warning, []string{"it matters where this reads the rows and columns that line changes"}
	}
	p.Emit(f)
}

func orThat(n ecto.Name) string {
	if n.Name == "" {
		return "the database"
	}
	return n.String()
}

// queuedBefore is the last operation on the same table that waits in the queue; where the call's table is not known, the
// last one on any.
func queuedBefore(written []ecto.Operation, i int) *ecto.Operation {
	o := &written[i]
	if o.Flushed {
		return nil
	}
	for i--; i >= 0; i-- {
		b := &written[i]
		if b.Kind == ecto.Flush || b.Callback != o.Callback {
			return nil
		}
		if b.Immediate || b.Kind == ecto.Set {
			continue
		}
		same := b.Table.Name != "" && (o.Table.Name == "" || b.Table == o.Table)
		if same && b.Kind != ecto.CreateIndex && b.Kind != ecto.DropIndex {
			return b
		}
	}
	return nil
}

// appCode looks for modules of the application in the text of the migration.
func (p *pass) appCode() {
	if p.Down {
		return
	}
	top, _, _ := strings.Cut(p.Repo.Module, ".")
	src := p.source()
	if top == "" || bytes.Count(src, []byte(top+".")) < 2 && !bytes.Contains(src, []byte("alias ")) {
		return
	}
	f, _ := elixir.Parse(src, p.Migration.Path)
	own := map[string]bool{p.Repo.Module: true, top: true}
	for _, m := range f.Modules() {
		own[m.Name] = true
	}
	for _, m := range f.Modules() {
		for _, n := range m.Body {
			if at, name, ok := appModule(f, n, top, own, p.Repo.Settings.Macros); ok {
				p.Emit(Finding{
					At:     at,
					Text:   fmt.Sprintf("the migration uses %s, which will be another when the migration runs on a new database", name),
					Recipe: "name tables as text, or define what is needed of the schema inside of the migration",
				})
				return
			}
		}
	}
}

// appModule is the first module of the application that an expression names outside of an alias that is not used.
func appModule(f *elixir.File, n *elixir.Node, top string, own map[string]bool, macros map[string]string) (at ecto.Span, name string, ok bool) {
	elixir.Walk(n, func(n *elixir.Node) bool {
		if ok || n.IsCall("use", elixir.AnyArity) {
			return false
		}
		if n.IsCall("defmodule", elixir.AnyArity) {
			return true
		}
		m, is := n.Module()
		if !is || n.Kind != elixir.Call {
			return true
		}
		if strings.HasPrefix(m, top+".") && !own[m] && macros[m] == "" && !strings.Contains(m, ".Repo.Migrations") && !isRepo(m) {
			from, to := f.Extent(n)
			at = ecto.Span{Line: int(from.Line), Column: int(from.Column), EndLine: int(to.Line), EndColumn: int(to.Column)}
			name, ok = m, true
		}
		return !ok
	})
	return at, name, ok
}

// isRepo says whether a module is a repo by its name.
func isRepo(m string) bool {
	last := m[strings.LastIndexByte(m, '.')+1:]
	return strings.HasPrefix(last, "Repo") || strings.HasSuffix(last, "Repo")
}
