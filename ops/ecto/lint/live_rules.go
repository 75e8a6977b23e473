package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/locks"
)

// liveRules are those that need a database: what it says of migrations, and of the moment.
var liveRules = []rule{
	{
		Rule: Rule{ID: "out-of-order", Title: "a pending migration is older than one that ran", Severity: Warning, Group: "live"},
		repo: outOfOrder,
	},
	{
		Rule: Rule{ID: "file-not-found", Title: "a migration ran of which there is no file", Severity: Warning, Group: "live"},
		repo: fileNotFound,
	},
	{
		Rule: Rule{ID: "edited-after-applied", Title: "a file changed after its migration ran", Severity: Warning, Group: "live"},
		repo: editedAfter,
	},
	{
		Rule: Rule{ID: "invalid-index", Title: "an index of the database is invalid", Severity: Warning, Group: "live"},
		repo: invalidIndexes,
	},
	{
		Rule: Rule{ID: "long-tx-on-table", Title: "a long transaction is in the way of a lock", Severity: Warning, Group: "live"},
		file: (*pass).longTransaction,
	},
	{
		Rule: Rule{ID: "autovacuum-wraparound", Title: "autovacuum works on the table and does not give way", Severity: Warning, Group: "live"},
		file: (*pass).wraparound,
	},
	{
		Rule: Rule{ID: "replica-lag", Title: "a replica is behind, and the migration writes much", Severity: Warning, Group: "live"},
		file: (*pass).replicaLag,
	},
	{
		Rule: Rule{ID: "disk-headroom", Title: "there may be no room for what is written again", Severity: Error, Group: "live"},
		each: (*site).diskHeadroom,
	},
}

func outOfOrder(r *run, report func(Finding)) {
	for _, s := range Statuses(r.Input) {
		if s.State != OutOfOrder || r.Options.Check != nil && !r.Options.Check(s.Version) {
			continue
		}
		last := slices.MaxFunc(r.Live.Applied, func(a, b catalog.Applied) int { return int(min(max(a.Version-b.Version, -1), 1)) })
		f := Finding{
			Path: s.Path, Version: s.Version, At: ecto.Span{Line: 1, Column: 1},
			Text:   fmt.Sprintf("%d is pending though %d ran already: a rollback of the last one takes %d back first", s.Version, last.Version, last.Version),
			Recipe: "give it a later version, if it ran nowhere else yet",
		}
		if r.Repo.Settings.StrictVersionOrder {
			f.Severity = Error
			f.Text = fmt.Sprintf("%d is pending though %d ran already: with strict_version_order Ecto raises", s.Version, last.Version)
		}
		report(f)
	}
}

// fewMissing is up to how many missing files are reported one by one.
const fewMissing = 5

func fileNotFound(r *run, report func(Finding)) {
	var missing []Status
	for _, s := range Statuses(r.Input) {
		if s.State == FileNotFound {
			missing = append(missing, s)
		}
	}
	dir := ""
	if len(r.Repo.Dirs) > 0 {
		dir = r.Repo.Dirs[0]
	}
	const recipe = "see whether it is on another branch, in another directory or of another repo; only then forget it"
	if len(missing) > fewMissing {
		report(Finding{
			Path: dir, Version: missing[0].Version, At: ecto.Span{Line: 1, Column: 1}, Recipe: recipe,
			Text: fmt.Sprintf("%d migrations ran of which there is no file, from %d to %d", len(missing), missing[0].Version, missing[len(missing)-1].Version),
		})
		return
	}
	for _, s := range missing {
		text := fmt.Sprintf("%d ran, and there is no file of that version", s.Version)
		if !s.InsertedAt.IsZero() {
			text = fmt.Sprintf("%d ran at %s, and there is no file of that version", s.Version, s.InsertedAt.UTC().Format(time.DateTime))
		}
		report(Finding{Path: dir, Version: s.Version, At: ecto.Span{Line: 1, Column: 1}, Text: text, Recipe: recipe})
	}
}

func editedAfter(r *run, report func(Finding)) {
	for _, s := range Statuses(r.Input) {
		at, ok := r.Changed[s.Path]
		if s.State != Up || s.Path == "" || !ok || s.InsertedAt.IsZero() || !at.After(s.InsertedAt) {
			continue
		}
		report(Finding{
			Path: s.Path, Version: s.Version, At: ecto.Span{Line: 1, Column: 1},
			Text: fmt.Sprintf("it ran at %s and its file changed at %s: new databases get something else than this one has",
				s.InsertedAt.UTC().Format(time.DateTime), at.UTC().Format(time.DateTime)),
			Recipe: "put the change into a new migration, if it is more than a comment",
		})
	}
}

func invalidIndexes(r *run, report func(Finding)) {
	if r.Live == nil || r.Live.State == nil {
		return
	}
	dir := ""
	if len(r.Repo.Dirs) > 0 {
		dir = r.Repo.Dirs[0]
	}
	for _, t := range r.Live.State.Tables() {
		for _, i := range t.Indexes {
			if !i.Invalid {
				continue
			}
			f := Finding{
				Path: dir, At: ecto.Span{Line: 1, Column: 1}, Table: t.Name,
				Text:   fmt.Sprintf("index %s of %s is invalid: a concurrent build failed; writes keep it up and no query uses it", i.Name, t.Name),
				Recipe: "drop it concurrently, and build it again",
				SQL:    []string{"DROP INDEX CONCURRENTLY " + qualified(ecto.Name{Prefix: t.Name.Prefix, Name: i.Name})},
			}
			if m := r.maker(i.Name); m != nil {
				f.Path, f.Version, f.At = m.Path, m.Version, ecto.Span{Line: 1, Column: 1}
			}
			report(f)
		}
	}
}

// maker is the last migration that creates an index of that name.
func (r *run) maker(index string) *ecto.Migration {
	for i := len(r.Migrations) - 1; i >= 0; i-- {
		m := &r.Migrations[i]
		if slices.ContainsFunc(m.Up, func(o ecto.Operation) bool { return o.Kind == ecto.CreateIndex && o.Name.Name == index }) {
			return m
		}
	}
	return nil
}

// pending says whether the migration is one that the database has not run yet.
func (p *pass) pending() bool {
	return p.Live != nil && p.applied != nil && !p.applied[p.Migration.Version]
}

// long is from when on a transaction in the way is an error and not a warning.
const long = time.Minute

// longTransaction finds who holds what the migration will wait for, now.
func (p *pass) longTransaction() {
	if !p.pending() {
		return
	}
	told := map[int]bool{}
	for _, s := range p.Sites {
		for _, e := range s.Effects {
			if e.New || e.Mode < locks.ShareUpdateExclusive {
				continue
			}
			for _, a := range p.Live.Activity {
				if !told[a.PID] && !a.Prevent && inTheWay(e, a) {
					told[a.PID] = true
					p.holdsUp(s, e, a)
				}
			}
		}
	}
}

// inTheWay says whether an operation would wait for a transaction.
func inTheWay(e locks.Effect, a catalog.Activity) bool {
	if slices.Contains(a.Tables, e.Table) && e.Mode.Conflicts(locks.ParseMode(a.Mode)) {
		return true
	}
	return e.Waits && a.Snapshot
}

func (p *pass) holdsUp(s *site, e locks.Effect, a catalog.Activity) {
	who := strings.TrimSpace(fmt.Sprintf("%s %d", a.Kind, a.PID))
	if a.PID == 0 {
		who = "a prepared transaction"
	}
	since := ""
	age := time.Duration(0)
	if !a.Since.IsZero() {
		age = p.Live.At.Sub(a.Since).Round(time.Second)
		since = " for " + age.String()
	}
	f := Finding{
		At: s.Op.At, Table: e.Table, Mode: e.Mode, SQL: s.SQL(),
		Text:   fmt.Sprintf("%s has held a transaction open%s: %s would wait for it", who, since, what(s.Op)),
		Recipe: "wait until it is done, or end it, before the migration runs",
	}
	if a.State != "" {
		f.Why = append(f.Why, "it is "+a.State)
	}
	if a.Query != "" {
		f.Why = append(f.Why, "its query: "+excerpt(a.Query, 120))
	}
	if b := e.Mode.Blocks(); b != "" && !e.Waits {
		f.Text += fmt.Sprintf(", and all %s of %s behind it", b, e.Table)
		if age >= long && !s.HasTimeout() {
			f.Severity = Error
		}
	}
	p.Emit(f)
}

func (p *pass) wraparound() {
	if !p.pending() {
		return
	}
	for _, s := range p.Sites {
		for _, e := range s.Effects {
			if e.New || e.Mode < locks.ShareUpdateExclusive {
				continue
			}
			f := Finding{At: s.Op.At, Table: e.Table, Mode: e.Mode, SQL: s.SQL(), Recipe: "let the vacuum finish first: ended, it starts again"}
			i := slices.IndexFunc(p.Live.Activity, func(a catalog.Activity) bool { return a.Prevent && slices.Contains(a.Tables, e.Table) })
			switch {
			case i >= 0:
				f.Severity = Error
				f.Text = fmt.Sprintf("autovacuum %d works on %s to prevent wraparound and does not give way: %s waits until it is done", p.Live.Activity[i].PID, e.Table, what(s.Op))
			case slices.Contains(p.Live.Wraparound, e.Table):
				f.Text = fmt.Sprintf("%s is about to be vacuumed to prevent wraparound, which does not give way to %s", e.Table, what(s.Op))
			default:
				continue
			}
			p.Emit(f)
			return
		}
	}
}

// behind is from when on a replica counts as behind.
const behind = 10 * time.Second

func (p *pass) replicaLag() {
	if !p.pending() || p.Live.Lag == nil || *p.Live.Lag < behind {
		return
	}
	for _, s := range p.Sites {
		for _, e := range s.Effects {
			if e.New || !e.Rewrite && len(e.Build) == 0 && !changesRows(s.Op) || p.size(e.Table).small(p.rows, p.bytes) {
				continue
			}
			p.Emit(Finding{
				At: s.Op.At, Table: e.Table, SQL: s.SQL(),
				Text: fmt.Sprintf("a replica is %s behind already, and %s sends it all of %s (%s) to write",
					p.Live.Lag.Round(time.Second), what(s.Op), e.Table, p.size(e.Table)),
				Recipe: "wait until the replicas have caught up",
			})
			return
		}
	}
}

// diskHeadroom: a rewrite needs the table a second time, with its indexes, and WAL for as much; an index a part of it.
func (s *site) diskHeadroom() {
	if !s.pending() || s.Live.FreeBytes == nil {
		return
	}
	free := *s.Live.FreeBytes
	for _, e := range s.Effects {
		size := s.size(e.Table).bytes
		if e.New || size == nil || !e.Rewrite && len(e.Build) == 0 {
			continue
		}
		needs, doing := 2**size, "writing it again with its WAL"
		if !e.Rewrite {
			needs, doing = *size, "building its index with its WAL"
		}
		if free >= needs {
			continue
		}
		f := Finding{
			Table: e.Table, Mode: e.Mode,
			Text:   fmt.Sprintf("%s are free and %s has %s: %s may need %s", bytesText(free), e.Table, bytesText(*size), doing, bytesText(needs)),
			Recipe: "make room first: PostgreSQL stops when the disk is full",
		}
		if free >= needs/2 {
			f.Severity = Warning
		}
		s.Emit(f)
		return
	}
}
