package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/postgres"
)

// sizesPart measures the files of tables, their TOAST and their indexes. What VACUUM and ANALYZE wrote down stays where
// that cannot be done.
func (r *reading) sizesPart() part {
	return part{
		tries: 1,
		question: rows(locked+`select c.oid, m.main, m.main + coalesce(pg_relation_size(c.reltoastrelid), 0) + coalesce((
 select sum(case when indexrelid in (select relation from locked) then null else pg_relation_size(indexrelid) end) from pg_index where indrelid = c.oid), 0)
 from pg_class c, lateral (select pg_relation_size(c.oid) as main) m
 where c.oid not in (select relation from locked) and c.reltoastrelid not in (select relation from locked)
 and `+r.of("c", "('r','m')"), 3, func(v *row) {
			if t := r.tables[v.oid(0)]; t != nil && !v.null(1) && !v.null(2) {
				t.bytes, t.rest = v.int(1), v.int(2)-v.int(1)
			}
		}),
		failed: func(f *postgres.Failure) {
			r.warn("sizes are those of the last VACUUM or ANALYZE: %s", f.Text)
		},
	}
}

// estimate is how many rows a table has, as PostgreSQL's planner thinks it: as dense as it was found, as large as it is
// now (estimate_rel_size in src/backend/optimizer/util/plancat.c). Before version 14 no rows and no pages was also said of
// a table that nobody ever looked at.
func (t *table) estimate() (rows int64, known bool) {
	switch {
	case t.bytes == 0:
		return 0, true
	case t.rows >= 0 && t.pages > 0 && t.bytes > 0:
		return int64(t.rows / float64(t.pages) * float64(t.bytes/block)), true
	case t.rows > 0:
		return int64(t.rows), true
	case t.live > 0:
		return t.live, true
	}
	return 0, false
}

// measure gives tables their rows and bytes, and partitioned ones those of their partitions.
func (r *reading) measure() {
	for _, id := range r.order {
		t := r.tables[id]
		if t.kind == "p" {
			continue
		}
		if n, ok := t.estimate(); ok {
			t.Rows = &n
		}
		bytes := t.bytes + t.rest
		if t.bytes < 0 {
			bytes = t.pages*block + t.rest
		}
		if t.bytes >= 0 || t.pages > 0 || t.rows >= 0 && r.caps.Version >= 140000 {
			t.Bytes = &bytes
		}
	}
	for _, id := range r.order {
		t := r.tables[id]
		if t.kind == "p" {
			continue
		}
		for up := r.tables[t.parent]; up != nil; up = r.tables[up.parent] {
			up.Rows, up.Bytes = sum(up.Rows, t.Rows), sum(up.Bytes, t.Bytes)
		}
	}
}

// sum is of what is known.
func sum(a, b *int64) *int64 {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	n := *a + *b
	return &n
}

func (r *reading) counted(n ecto.Name, c counts) {
	if r.snapshot.counts == nil {
		r.snapshot.counts = map[ecto.Name]counts{}
	}
	r.snapshot.counts[n] = c
}

// traffic is what was counted since the look before, or since the server counts.
func (r *reading) traffic() {
	out, before := r.snapshot, r.options.Before
	out.Traffic = map[ecto.Name]Traffic{}
	if out.Standby {
		return
	}
	since, atMost := r.server.reset, false
	if since.IsZero() {
		since, atMost = r.server.started, true
	}
	if before != nil && before.Node == out.Node && !before.Standby && before.At.After(since) {
		since, atMost = before.At, false
	} else {
		before = nil
	}
	over := out.At.Sub(since)
	if over < time.Second {
		return
	}
	for name, now := range out.counts {
		if before != nil {
			then, ok := before.counts[name]
			if !ok || now.reads < then.reads || now.writes < then.writes {
				continue // new, or its counters began anew
			}
			now.reads, now.writes = now.reads-then.reads, now.writes-then.writes
		}
		out.Traffic[name] = Traffic{
			Reads: float64(now.reads) / over.Seconds(), Writes: float64(now.writes) / over.Seconds(), Over: over, AtMost: atMost,
		}
	}
}

// finish makes the State of what was read.
func (r *reading) finish() {
	out := r.snapshot
	r.measure()
	// Those of the default schema last: a table of public with the same name is hidden by it.
	slices.SortStableFunc(r.order, func(a, b oid) int {
		x, y := r.tables[a].Name, r.tables[b].Name
		return cmp.Or(-cmp.Compare(x.Prefix, y.Prefix), cmp.Compare(x.Name, y.Name))
	})
	for _, id := range r.order {
		t := r.tables[id]
		if up := r.tables[t.parent]; up != nil {
			t.PartitionOf = up.Name
		}
		out.State.Add(t.Table)
	}
	r.traffic()
	r.activities()
	if n := len(r.unreadable); n > 0 {
		slices.Sort(r.unreadable)
		r.warn("expressions of indexes, checks and generated columns of %s were not read: somebody holds it locked", strings.Join(r.unreadable[:min(n, 5)], ", "))
	}
	slices.SortFunc(out.Wraparound, func(a, b ecto.Name) int { return cmp.Compare(a.String(), b.String()) })
}
