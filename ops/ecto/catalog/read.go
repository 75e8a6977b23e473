package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// lockPatience is how long a lock on a table is waited for. Only what somebody holds exclusively makes us wait at all, and
// that is looked up beforehand.
const lockPatience = 200 * time.Millisecond

// Read asks a server for all of it, in two round trips. What a server does not tell is missing from the Snapshot and named
// in its Warnings; the error is for what leaves nothing to be shown.
func Read(ctx context.Context, c *postgres.Conn, o Options) (*Snapshot, error) {
	o = o.filled()
	r := &reading{
		options: o, caps: c.Capabilities(),
		tables: map[oid]*table{}, indexes: map[oid]oid{},
		snapshot: &Snapshot{Node: c.Node().Name, Version: c.Capabilities().Version},
	}
	limits := postgres.Limits{Statement: o.Timeout, Lock: lockPatience, Whole: 3 * o.Timeout}
	if err := c.Look(ctx, limits, r.read); err != nil {
		return nil, fmt.Errorf("read the catalog of %s: %w", c.Node().Name, err)
	}
	r.finish()
	return r.snapshot, nil
}

// reading is one Read under way.
type reading struct {
	options  Options
	caps     postgres.Capabilities
	server   server
	names    names
	schemas  []oid
	tables   map[oid]*table
	order    []oid       // of tables, as they came
	indexes  map[oid]oid // the table of an index
	classes  map[oid]string
	parts    []part
	snapshot *Snapshot

	activity   []activity
	unreadable []string // names of tables whose expressions were not read
}

// part is what may fail on its own: a question, what to do when it cannot be answered, and what may be asked instead.
type part struct {
	question postgres.Question
	tries    int // after the first one
	reset    func()
	failed   func(f *postgres.Failure)
}

func (r *reading) read(k *postgres.Look) error {
	s := &r.server
	if _, err := k.Ask(false, s.questions(r.options)...); err != nil {
		return err
	}
	r.about()
	for all := r.questions(); len(all) > 0; {
		qq := make([]postgres.Question, len(all))
		for i, p := range all {
			qq[i] = p.question
			if p.reset != nil {
				p.reset()
			}
		}
		n, err := k.Ask(true, qq...)
		if err == nil {
			return nil
		}
		f := (*postgres.Failure)(nil)
		if !errors.As(err, &f) || n >= len(all) || all[n].failed == nil || !degrades(f) {
			return err
		}
		all = all[n:]
		if all[0].tries--; all[0].tries < 0 {
			all[0].failed(f)
			all = all[1:]
		}
	}
	return nil
}

// degrades says whether a failure is of one question alone.
func degrades(f *postgres.Failure) bool {
	switch f.SQLState {
	case "55P03", // lock_not_available
		"57014", // query_canceled: its time limit
		"42501", // insufficient_privilege
		"42P01", // undefined_table: dropped since
		"42703", // undefined_column
		"XX000", // internal_error: cache lookup failed for what was dropped since
		"42704": // undefined_object
		return true
	}
	return false
}

// about makes what is known of the server part of the Snapshot, and decides what else to ask for.
func (r *reading) about() {
	s, o, out := &r.server, r.options, r.snapshot
	out.At, out.Database, out.Standby, out.Lag = s.now, s.database, s.standby, s.lag
	if out.LockTimeout = s.effective("lock_timeout", s.lockTimeout, o); out.LockTimeout == "0" || out.LockTimeout == "0ms" {
		out.LockTimeout = ""
	}
	out.TimeZone = s.effective("TimeZone", s.timeZone, o)

	path := s.path(o)
	standard := s.namespace("public")
	if len(path) > 0 {
		standard = path[0]
	}
	r.names = s.names(standard)
	out.Default = plaintext.Line(r.names.schemas[standard], longestName)
	keep := []oid{standard}
	v := s.versions(o, path)
	switch {
	case v != nil:
		out.Source = r.names.of(v.namespace, plaintext.Line(o.Source, longestName))
		keep = append(keep, v.namespace)
	default:
		out.Missing = true
		out.Source = ecto.Name{Prefix: plaintext.Line(o.Prefix, longestName), Name: plaintext.Line(o.Source, longestName)}
		if n := len(s.sources); n > 0 && o.Prefix == "" {
			r.warn("%d schemas outside the search path have a table %s: name the one that counts as prefix", n, o.Source)
		}
	}
	all, warning := false, ""
	r.schemas, all, warning = s.wanted(o, keep...)
	if warning != "" {
		r.warn("%s", warning)
	}
	out.State = &schema.State{Complete: all}
	if !r.caps.Monitor && !r.caps.Superuser {
		r.warn("how long others' transactions last and what they run is hidden from this role: GRANT pg_read_all_stats TO %s", quoted(s.user))
	}
	if v != nil {
		r.versions(v)
	}
}

func (r *reading) warn(format string, args ...any) {
	r.snapshot.Warnings = append(r.snapshot.Warnings, plaintext.Line(fmt.Sprintf(format, args...), 500))
}

// versions adds the question for the rows of the versions table.
func (r *reading) versions(v *source) {
	out := r.snapshot
	name := quoted(r.names.schemas[v.namespace]) + "." + quoted(r.options.Source)
	unread := func(format string, args ...any) {
		out.Unread = plaintext.Line(fmt.Sprintf(format, args...), 500)
		r.warn("%s", out.Unread)
	}
	switch {
	case !v.versions:
		unread("%s has no column version: it is not a table of Ecto's", out.Source)
		return
	case !v.readable:
		unread("this role may not read %s: GRANT SELECT ON %s TO %s", out.Source, name, quoted(r.server.user))
		return
	}
	at := "null"
	if v.inserted {
		at = "extract(epoch from inserted_at)"
	}
	r.parts = append(r.parts, part{
		question: rows(`select version::bigint, `+at+` from `+name+` order by 1`, 2, func(r2 *row) {
			out.Applied = append(out.Applied, Applied{r2.int(0), r2.time(1)})
		}),
		tries: 1,
		reset: func() { out.Applied = nil },
		failed: func(f *postgres.Failure) {
			out.Applied = nil
			unread("%s could not be read: %s", out.Source, f.Text)
		},
	})
}
