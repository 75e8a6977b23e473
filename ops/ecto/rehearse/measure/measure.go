// Package measure finds out what statements did to the tables of a server: which locks their transaction holds, which
// tables were written again or read whole, which indexes were built. It asks the session that ran them, before it commits,
// and compares that with what package locks predicts. It runs nothing itself but its own questions.
package measure

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// Effect is what happened to a table that was there before.
type Effect struct {
	Table ecto.Name
	// Mode is the strongest lock that the transaction holds on it, ACCESS SHARE left out: whoever reads takes that. Before is
	// what it held before the statements that were measured.
	Mode, Before locks.Mode
	Rewrite      bool
	// Scan says that about all rows were read; a rewrite does that too, and is not called a scan.
	Scan  bool
	Build []string // indexes that are new or were built again, sorted
	Empty bool     // it has so few rows that a scan cannot be told
}

// few is how many rows a table must have for a scan to be told from somebody looking something up.
const few = 5

// relation is a table or an index at one moment.
type relation struct {
	name  ecto.Name
	kind  string // r, p, m, i, I
	node  int64
	rows  int64
	table uint32 // of an index
}

// Meter measures one transaction, or statements that follow each other without one.
type Meter struct {
	standard string
	there    map[uint32]relation // when it began
	before   map[uint32]relation // the last Read but one, with the names that the statements between them used
	last     map[uint32]relation
	reads    map[uint32]int64
	modes    map[uint32]locks.Mode
}

// Session asks the session that is measured, by plain queries of its own.
type Session interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Start looks at the tables as they are. standard is the schema that is left out of names; they are those that are there
// from then on. ANALYZE must have been run, as what a table has in rows is taken from there.
func Start(ctx context.Context, s Session, standard string) (*Meter, error) {
	m := &Meter{standard: standard}
	if err := m.Mark(ctx, s); err != nil {
		return nil, err
	}
	m.there = m.last
	return m, nil
}

// Mark has Read begin here, as it must where a new transaction begins: the counters of the last one are on their way.
func (m *Meter) Mark(ctx context.Context, s Session) (err error) {
	if m.last, err = m.relations(ctx, s); err != nil {
		return err
	}
	if m.reads, err = pairs(ctx, s, scanned); err != nil {
		return err
	}
	m.modes, err = m.held(ctx, s)
	return err
}

const (
	relations = `select c.oid, n.nspname, c.relname, c.relkind::text, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::bigint, c.reltuples::bigint, coalesce(i.indrelid, 0)::oid
 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace left join pg_catalog.pg_index i on i.indexrelid = c.oid
 where c.relkind in ('r','p','m','i','I') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`
	held = `select relation, max(array_position(array['AccessShareLock','RowShareLock','RowExclusiveLock','ShareUpdateExclusiveLock',
 'ShareLock','ShareRowExclusiveLock','ExclusiveLock','AccessExclusiveLock'], mode))::bigint
 from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'relation' and granted and mode <> 'AccessShareLock' group by 1`
	scanned = `select relid, seq_tup_read from pg_catalog.pg_stat_xact_user_tables where seq_tup_read > 0`
)

func (m *Meter) relations(ctx context.Context, s Session) (map[uint32]relation, error) {
	rows, err := s.Query(ctx, relations)
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	out := map[uint32]relation{}
	var (
		oid uint32
		r   relation
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &r.name.Prefix, &r.name.Name, &r.kind, &r.node, &r.rows, &r.table}, func() error {
		if r.name.Prefix == m.standard {
			r.name.Prefix = ""
		}
		out[oid] = r
		return nil
	})
	return out, err
}

func (m *Meter) held(ctx context.Context, s Session) (map[uint32]locks.Mode, error) {
	p, err := pairs(ctx, s, held)
	out := map[uint32]locks.Mode{}
	for oid, mode := range p {
		out[oid] = locks.Mode(mode)
	}
	return out, err
}

func pairs(ctx context.Context, s Session, sql string) (map[uint32]int64, error) {
	rows, err := s.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("look at locks and counters: %w", err)
	}
	out := map[uint32]int64{}
	var (
		oid uint32
		n   int64
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &n}, func() error { out[oid] = n; return nil })
	return out, err
}

// Read gives what happened since Start or the last Read, by name of table. The transaction must not have ended since.
func (m *Meter) Read(ctx context.Context, s Session) ([]Effect, error) {
	modes, err := m.held(ctx, s)
	if err != nil {
		return nil, err
	}
	return m.since(ctx, s, modes)
}

// ReadAfter is Read for a statement that is over, with its locks: modes are those that were seen while it ran, by oid.
func (m *Meter) ReadAfter(ctx context.Context, s Session, modes map[uint32]locks.Mode) ([]Effect, error) {
	m.modes = nil
	e, err := m.since(ctx, s, modes)
	m.modes = nil
	return e, err
}

func (m *Meter) since(ctx context.Context, s Session, modes map[uint32]locks.Mode) ([]Effect, error) {
	reads, err := pairs(ctx, s, scanned)
	if err != nil {
		return nil, err
	}
	now, err := m.relations(ctx, s)
	if err != nil {
		return nil, err
	}
	// An index that is made again without being built takes over the file of the old one.
	files := map[int64]bool{}
	for _, i := range m.last {
		files[i.node] = true
	}
	build := map[uint32][]string{}
	for _, i := range now {
		if i.kind == "i" && !files[i.node] {
			build[i.table] = append(build[i.table], i.name.Name)
		}
	}
	var out []Effect
	for oid, t := range m.there {
		if t.kind == "i" || t.kind == "I" {
			continue
		}
		if named, ok := m.last[oid]; ok {
			t.name = named.name // which it got since it was first seen
		}
		e := Effect{Table: t.name, Mode: modes[oid], Before: m.modes[oid], Build: build[oid], Empty: t.rows < few}
		slices.Sort(e.Build)
		after, exists := now[oid]
		e.Rewrite = exists && after.node != m.last[oid].node
		// Looking something up is not a scan, and what is read without a lock that matters is none of our business.
		e.Scan = !e.Rewrite && e.Mode >= locks.RowExclusive && t.rows >= few && reads[oid]-m.reads[oid] >= t.rows*9/10
		if e.Mode != e.Before || e.Rewrite || e.Scan || len(e.Build) > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Effect) int { return cmp.Compare(a.Table.String(), b.Table.String()) })
	m.before, m.last, m.reads, m.modes = m.last, now, reads, modes
	return out, nil
}

// Held is the lock that the transaction held on a table when it was last looked at.
func (m *Meter) Held(n ecto.Name) locks.Mode {
	oid, ok := m.find(n)
	if !ok {
		return locks.None
	}
	return m.modes[oid]
}

// Empty says whether a table had no rows, or too few to tell a scan, when the Meter was started, or was not there.
func (m *Meter) Empty(n ecto.Name) bool {
	oid, ok := m.find(n)
	return !ok || m.there[oid].rows < few
}

// find gives a table that was there from the beginning, by the name that it had before the last Read.
func (m *Meter) find(n ecto.Name) (uint32, bool) {
	names := m.before
	if names == nil {
		names = m.there
	}
	n = bare(n, m.standard)
	for oid, t := range names {
		if t.name == n && t.kind != "i" && t.kind != "I" {
			_, there := m.there[oid]
			return oid, there
		}
	}
	return 0, false
}
