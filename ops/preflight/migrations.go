package preflight

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"time"

	"ops-console/ops/page"
)

func migrationChecks() []Check {
	return []Check{
		{"migrations.pending", GroupMigrations, "Pending migrations are harmless", "Fails where a pending migration has a finding that is an error; warns where it has a warning, is out of order, or a file that ran is gone.", migrationsPending},
		{"backup.newest", GroupMigrations, "There is a backup, new and proven", "Fails where migrations are pending and there is none, or only an old one; warns otherwise, and where it was not proven as far as is wanted.", backupNewest},
	}
}

func migrationsPending(f *Facts) verdict {
	m, ok := f.Migrations.Get()
	switch t, known := f.Source.Get(); {
	case known && t.Mix == nil && m.Total == 0:
		return unknown("there is no mix.exs in this tree", noProject)
	case known && t.Mix != nil && sqlite(t):
		return unknown("the database is a file in the machine, which nobody can ask from here", "look at it there: fly ssh console")
	}
	switch {
	case !ok:
		return unknown(f.Migrations.Why(), noProject)
	case m.Known != "" && m.Total == 0:
		return pass("there are no migrations")
	case m.Known != "":
		return unknown("no database says which of "+plural(m.Total, "migration")+" ran: "+m.Known, databaseMend)
	}
	var errors, warnings, late int
	var ee []Evidence
	first := ""
	for _, p := range m.Pending {
		if p.OutOfOrder {
			late++
			ee = append(ee, Evidence{Path: p.Path, Text: "a later one ran already"})
		}
		for _, x := range p.Findings {
			if x.Error {
				if errors++; errors == 1 {
					first = x.Text
				}
			} else if warnings++; errors == 0 && warnings == 1 {
				first = x.Text
			}
			e := Evidence{Path: p.Path, Line: x.Line, Text: x.Rule}
			if x.Error { // what fails it first
				ee = slices.Insert(ee, errors-1, e)
			} else {
				ee = append(ee, e)
			}
		}
	}
	count := plural(len(m.Pending), "pending migration")
	const mend = "see ops-console migrations, and ops-console lint, which says how to do it safely"
	switch {
	case errors > 0:
		return fail(fmt.Sprintf("%s, with %s: %s", count, plural(errors, "error"), first), mend, ee...)
	case warnings > 0:
		return warn(fmt.Sprintf("%s, with %s: %s", count, plural(warnings, "warning"), first), mend, ee...)
	case late > 0:
		return warn(fmt.Sprintf("%s, %d of them older than one that ran", count, late), "see that they do not rest on another order", ee...)
	case m.Missing > 0:
		return warn(fmt.Sprintf("%s that ran, and no file: this is not the source of what runs, or an old one", plural(m.Missing, "migration")), "see ops-console migrations")
	case len(m.Pending) == 0:
		return pass("none is pending")
	}
	for _, p := range m.Pending {
		ee = append(ee, Evidence{Path: p.Path, Text: path.Base(p.Path)})
	}
	return pass(count+", and nothing is found in them", ee...)
}

const defaultMaxAge = 24 * time.Hour

func backupNewest(f *Facts) verdict {
	if f.BackupFirst {
		return pass("one is taken before anything is changed")
	}
	b, ok := f.Backups.Get()
	if t, known := f.Source.Get(); !ok && known && f.serverless() && !sqlite(t) {
		return pass("there is no database")
	}
	if !ok {
		return unknown(f.Backups.Why(), "say where backups are kept, in the profile (docs/configuration.md)")
	}
	m, known := f.Migrations.Get()
	pending := known && m.Known == "" && len(m.Pending) > 0
	bad := warn
	after := ""
	if pending {
		bad, after = fail, ", and migrations are pending"
	}
	if b.Newest == nil {
		return bad("there is none"+after, "ops-console backup run")
	}
	n := b.Newest
	age := f.At.Sub(n.SnapshotAt)
	e := Evidence{Text: n.ID}
	if limit := cmp.Or(b.MaxAge, defaultMaxAge); age > limit {
		return bad(fmt.Sprintf("the newest is %s old%s", page.Ago(age), after), "ops-console backup run", e)
	}
	if n.Level < b.Least {
		return warn(fmt.Sprintf("the newest is %s old and %s; wanted is %s", page.Ago(age), n.Level, b.Least), "ops-console backup verify", e)
	}
	text := fmt.Sprintf("%s old, %s", page.Ago(age), n.Level)
	if !n.VerifiedAt.IsZero() {
		text += " " + ago(f, n.VerifiedAt)
	}
	return pass(text, e)
}
