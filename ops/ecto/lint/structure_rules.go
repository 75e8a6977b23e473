package lint

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// structureRules are those about what Ecto makes of the files.
var structureRules = []rule{
	{
		Rule: Rule{ID: "parse-error", Title: "a file, or a part of it, is not Elixir", Severity: Error, Group: "structure"},
		file: (*pass).parseError,
	},
	{
		Rule: Rule{ID: "raises", Title: "Ecto raises when it runs the migration", Severity: Error, Group: "structure"},
		file: (*pass).raises,
	},
	{
		Rule: Rule{ID: "flush-in-change", Title: "flush in change raises on the way back", Severity: Warning, Group: "structure"},
		file: (*pass).flushInChange,
	},
	{
		Rule:   Rule{ID: "dangling-ddl", Title: "an index, a constraint or a table that nothing creates or drops", Severity: Error, Group: "structure"},
		always: true, kinds: []ecto.Kind{ecto.Dangling}, each: (*site).dangling,
	},
	{
		Rule: Rule{ID: "uncalled-ddl", Title: "changes in a function that nothing calls", Severity: Warning, Group: "structure"},
		file: (*pass).uncalled,
	},
	{
		Rule: Rule{ID: "irreversible-change", Title: "the migration cannot be rolled back", Severity: Warning, Group: "structure"},
		file: (*pass).irreversible,
	},
	{
		Rule:   Rule{ID: "multi-statement-execute", Title: "several statements in one execute", Severity: Error, Group: "structure"},
		always: true, file: (*pass).multiStatement,
	},
	{
		Rule:   Rule{ID: "sql-syntax", Title: "SQL that PostgreSQL does not understand", Severity: Error, Group: "structure"},
		always: true, kinds: []ecto.Kind{ecto.BrokenSQL}, each: (*site).brokenSQL,
	},
	{
		Rule: Rule{ID: "raw-sql-unresolved", Title: "SQL that is only known when it runs", Severity: Info, Group: "structure"},
		file: (*pass).unresolved,
	},
	{
		Rule:   Rule{ID: "prefix-mismatch", Title: "a table is named with another prefix than it was created with", Severity: Warning, Group: "structure"},
		byName: true, kinds: prefixed, each: (*site).prefixMismatch,
	},
	{
		Rule: Rule{ID: "filename", Title: "Ecto ignores the file", Severity: Error, Group: "structure"},
		repo: fileNames,
	},
	{
		Rule: Rule{ID: "duplicates", Title: "two migrations have the same version, name or module", Severity: Error, Group: "structure"},
		repo: duplicates,
	},
}

func (p *pass) parseError() {
	if p.Down {
		return
	}
	for _, n := range p.Migration.Notes {
		if n.Code == "parse-error" {
			p.Emit(Finding{At: n.At, Text: n.Text, Recipe: "until this is mended the migration cannot run, and what is wrong within it is not seen"})
		}
	}
}

// fatal are the notes of what makes Ecto raise.
var fatal = map[string]bool{"raises": true, "no-migration": true, "several-migrations": true, "unreadable": true}

func (p *pass) raises() {
	if p.Down {
		return
	}
	if _, broken := p.Note("parse-error"); broken {
		return
	}
	told := map[string]bool{}
	for _, n := range p.Migration.Notes {
		back := n.Code == "raises-down"
		if !fatal[n.Code] && !back || told[n.Text] {
			continue
		}
		told[n.Text] = true
		f := Finding{At: n.At, Text: n.Text, Recipe: "mend it: the migration cannot run as it is"}
		if back {
			f.Severity, f.Text, f.Recipe = Warning, "on the way back: "+n.Text, "mend it: the migration runs, but cannot be rolled back as it is"
		}
		if strings.HasSuffix(n.Text, "raises KeyError") {
			f.Severity, f.Why = Warning, []string{"Ecto before 3.12 left the option out without a word"}
		}
		p.Emit(f)
	}
}

func (p *pass) flushInChange() {
	if p.Down || p.Migration.DownFrom != "change" {
		return
	}
	for _, s := range p.Sites {
		if s.Op.Kind == ecto.Flush && s.Op.Callback == "" {
			s.Emit(Finding{
				Text:   "flush() in change raises when the migration is rolled back",
				Recipe: "write up and down instead of change",
			})
			return
		}
	}
}

func (s *site) dangling() {
	text := strings.Join(strings.Fields(s.Op.Text), " ")
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s by itself does nothing: there is no create or drop before it", excerpt(text, 60)),
		Recipe: "write create or drop before it",
		Code:   "create " + text,
	})
}

func (p *pass) uncalled() {
	if p.Down {
		return
	}
	for _, n := range p.Migration.Notes {
		if n.Code == "uncalled" {
			p.Emit(Finding{At: n.At, Text: n.Text, Recipe: "give it the name that Ecto calls, up, down or change, or take it out"})
		}
	}
}

// excerpt is the beginning of a text.
func excerpt(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

func (p *pass) irreversible() {
	m := p.Migration
	if p.Down || len(m.Irreversible) == 0 {
		return
	}
	_, flushes := find(p.Sites, func(s *site) bool { return s.Op.Kind == ecto.Flush })
	notes := slices.DeleteFunc(slices.Clone(m.Irreversible), func(n ecto.Note) bool { return flushes && strings.Contains(n.Text, "flush") })
	if len(notes) == 0 {
		return
	}
	f := Finding{At: notes[0].At, Text: notes[0].Text, Recipe: "say how it is undone: execute/2, from:, the type in remove, or up and down"}
	if len(notes) > 1 {
		f.Why = append(f.Why, morePlaces(len(notes)-1)+" of this migration cannot be reversed either")
	}
	switch m.DownFrom {
	case "":
		f.Severity, f.Recipe = Info, "write down, if only to say that nothing is to be done"
	case "down":
		f.Severity, f.Recipe = Info, "it is written so: see that whoever rolls back knows what to do instead"
	}
	p.Emit(f)
}

// morePlaces counts them.
func morePlaces(n int) string {
	if n == 1 {
		return "one more place"
	}
	return fmt.Sprintf("%d more places", n)
}

func find(sites []*site, is func(*site) bool) (*site, bool) {
	if i := slices.IndexFunc(sites, is); i >= 0 {
		return sites[i], true
	}
	return nil, false
}

// multiStatement finds strings of several statements.
func (p *pass) multiStatement() {
	for i := range p.Ops {
		o := &p.Ops[i]
		if o.Nth != 2 {
			continue
		}
		p.Emit(Finding{
			At: o.At, SQL: []string{p.Ops[i-1].Text, o.Text},
			Text:   "a second statement in one execute: PostgreSQL prepares one at a time, and the migration fails (42601)",
			Recipe: "write an execute for each statement",
		})
		return
	}
}

func (s *site) brokenSQL() {
	s.Emit(Finding{
		Text:   fmt.Sprintf("PostgreSQL does not understand this: %s (42601)", s.Op.Expression),
		Recipe: "mend the statement: it fails whenever it runs",
	})
}

// unresolved is said once for a file.
func (p *pass) unresolved() {
	if p.Down && p.Migration.DownFrom == "change" {
		return
	}
	n := 0
	var first *site
	for _, s := range p.Sites {
		if s.Op.Kind == ecto.Dynamic {
			if n++; first == nil {
				first = s
			}
		}
	}
	if first == nil {
		return
	}
	f := Finding{
		Text:   "what this does is only known when it runs: " + excerpt(strings.Join(strings.Fields(first.Op.Text), " "), 80),
		Recipe: "look at it by hand: nothing else is said of it here",
	}
	if n > 1 {
		f.Why = []string{morePlaces(n-1) + " of the migration like it"}
	}
	first.Emit(f)
}

// prefixed are the operations for which the prefix of an existing table matters.
var prefixed = []ecto.Kind{
	ecto.AddColumn, ecto.ModifyColumn, ecto.RemoveColumn, ecto.RenameColumn, ecto.CreateIndex, ecto.AddConstraint,
	ecto.DropConstraint, ecto.DropTable, ecto.RenameTable,
}

func (s *site) prefixMismatch() {
	o := s.Op
	// A tenant's migrations run with its schema as the prefix of what has none.
	if s.Repo.Tenant || o.Raw || s.Own() != nil || o.IfExists || s.State.Dropped(o.Table) != "" {
		return
	}
	for _, t := range s.State.Tables() {
		if t.Name.Name != o.Table.Name || t.CreatedBy == "" {
			continue
		}
		s.Emit(Finding{
			Text:   fmt.Sprintf("%s was created as %s by %s, and is named %s here: the migration fails (42P01)", o.Table.Name, t.Name, path.Base(t.CreatedBy), o.Table),
			Recipe: "give the same prefix everywhere",
		})
		return
	}
}

func fileNames(r *run, report func(Finding)) {
	for _, n := range r.Repo.Skipped {
		report(Finding{Path: n.Path, At: cmp.Or(n.At, ecto.Span{Line: 1, Column: 1}), Text: n.Text, Recipe: "name migrations VERSION_what_it_does.exs"})
	}
}

// duplicates are what Ecto refuses to run together: it looks at the pending ones, which on a new database are all.
func duplicates(r *run, report func(Finding)) {
	versions, names, modules := map[int64]string{}, map[string]string{}, map[string]string{}
	for i := range r.Migrations {
		m := &r.Migrations[i]
		f := Finding{Path: m.Path, Version: m.Version, At: ecto.Span{Line: 1, Column: 1}}
		switch {
		case versions[m.Version] != "":
			f.Text = fmt.Sprintf("%s has the version %d as well: Ecto raises", path.Base(versions[m.Version]), m.Version)
			f.Recipe = "give one of them a later version"
		case m.Name != "" && names[m.Name] != "":
			f.Text = fmt.Sprintf("%s has the name %s as well: Ecto raises where both are pending, as on every new database", path.Base(names[m.Name]), m.Name)
			f.Recipe = "rename one of the files, and its module"
		case m.Module != "" && modules[m.Module] != "":
			f.At, f.Severity = r.moduleAt(m), Warning
			f.Text = fmt.Sprintf("%s defines %s as well: where both are run, the second replaces the first in memory", path.Base(modules[m.Module]), m.Module)
			f.Recipe = "rename one of the modules"
		}
		if f.Text != "" && (r.Options.Check == nil || r.Options.Check(m.Version)) {
			report(f)
		}
		versions[m.Version] = cmp.Or(versions[m.Version], m.Path)
		names[m.Name] = cmp.Or(names[m.Name], m.Path)
		modules[m.Module] = cmp.Or(modules[m.Module], m.Path)
	}
}

// moduleAt is where a migration's module is defined.
func (r *run) moduleAt(m *ecto.Migration) ecto.Span {
	f, _ := elixir.Parse(r.Sources[m.Path], m.Path)
	for _, mod := range f.Modules() {
		if mod.Name == m.Module {
			from, _ := f.Extent(mod.Node)
			return ecto.Span{Line: int(from.Line), Column: int(from.Column)}
		}
	}
	return ecto.Span{Line: 1, Column: 1}
}
