package take

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/plaintext"
)

// snapshot is a transaction whose view of the database pg_dump shares.
type snapshot struct {
	*session
	id    string
	at    time.Time // by the server's clock
	began time.Time // by ours, monotonic
	stop  func()

	server backup.Server
	tables []table
}

// table is what the database says of one.
type table struct {
	Schema string  `json:"s"`
	Name   string  `json:"n"`
	Est    float64 `json:"e"` // -1: never counted
	Bytes  int64   `json:"b"` // with what lies out of line
	Part   bool    `json:"p"`
}

// hold begins the transaction, refuses what could not be dumped, and reads what the manifest says of the database.
func hold(ctx context.Context, o Options, c chosen) (*snapshot, error) {
	s, err := open(ctx, o, c.node)
	if err != nil {
		return nil, err
	}
	h := &snapshot{session: s, began: time.Now(), stop: func() {}}
	if err := h.begin(ctx, o, c); err != nil {
		s.close()
		return nil, err
	}
	return h, nil
}

func (h *snapshot) begin(ctx context.Context, o Options, c chosen) error {
	if c.replica {
		if err := h.quiet(ctx, o); err != nil {
			return err
		}
	}
	if err := h.do(ctx, "begin isolation level repeatable read read only"); err != nil {
		return err
	}
	if err := h.readable(ctx); err != nil {
		return err
	}
	if err := h.read(ctx, o, c); err != nil {
		return err
	}
	id, err := h.text(ctx, "select pg_export_snapshot()")
	if err != nil {
		return err
	}
	h.id = id
	return nil
}

// mine are relations that pg_dump would read: none of the system's, none that comes with an extension unless that says
// that its rows are the user's.
const mine = `from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and not exists (
  select from pg_depend d join pg_extension e on e.oid = d.refobjid where d.classid = 'pg_class'::regclass and d.objid = c.oid
  and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' and not coalesce(c.oid = any (e.extconfig), false))`

// deniedQuery is what the role may not read, or would read only a part of.
const deniedQuery = `select json_build_object(
 'tables', (select coalesce(json_agg(n.nspname || '.' || c.relname order by n.nspname, c.relname), '[]') ` + mine + `
  and c.relkind in ('r', 'p', 'S') and not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))),
 'rows', (select coalesce(json_agg(n.nspname || '.' || c.relname order by n.nspname, c.relname), '[]') ` + mine + `
  and c.relkind in ('r', 'p') and row_security_active(c.oid)),
 'objects', (select count(*) from pg_largeobject_metadata where not pg_has_role(lomowner, 'usage')
  and not (select rolsuper from pg_roles where rolname = current_user) and current_setting('lo_compat_privileges') = 'off'
  and not exists (select from aclexplode(lomacl) x where x.privilege_type = 'SELECT' and (x.grantee = 0 or pg_has_role(x.grantee, 'usage')))),
 'role', current_user)`

// readable says before anything is dumped what pg_dump would stumble over in the middle.
func (h *snapshot) readable(ctx context.Context) error {
	var d struct {
		Tables, Rows []string
		Objects      int64
		Role         string
	}
	if err := h.json(ctx, &d, deniedQuery); err != nil {
		return h.lockedOut(ctx, err)
	}
	role := `"` + strings.ReplaceAll(plaintext.Line(d.Role, 63), `"`, `""`) + `"`
	var says []string
	if n := len(d.Tables); n > 0 {
		says = append(says, fmt.Sprintf("%s: GRANT pg_read_all_data TO %s (PostgreSQL 14 and later), or SELECT on each", some(d.Tables, "no SELECT on"), role))
	}
	if n := len(d.Rows); n > 0 {
		says = append(says, fmt.Sprintf("%s: ALTER ROLE %s BYPASSRLS, or dump as the tables' owner", some(d.Rows, "row-level security hides rows of"), role))
	}
	if d.Objects > 0 {
		says = append(says, fmt.Sprintf("no SELECT on %d large objects: dump as their owner or a superuser, or GRANT SELECT ON LARGE OBJECT … TO %s", d.Objects, role))
	}
	if len(says) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDenied, strings.Join(says, "; "))
}

// some names the first of many.
func some(names []string, what string) string {
	const most = 5
	text := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return plaintext.Line(what+" "+text, 300)
}

// serverQuery is what the manifest says of the server. Columns that came later are looked up by their names.
const serverQuery = `select json_build_object('version', current_setting('server_version'), 'recovery', pg_is_in_recovery(),
 'lsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
 'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'collversion', to_jsonb(d)->>'datcollversion',
 'extensions', (select coalesce(json_object_agg(extname, extversion), '{}') from pg_extension),
 'system', case when has_function_privilege('pg_control_system()', 'execute') then (select system_identifier::text from pg_control_system()) else '' end,
 'at', extract(epoch from now())) from pg_database d where datname = current_database()`

// tablesQuery is every table with rows of its own, large objects as pg_catalog.pg_largeobject.
const tablesQuery = `select coalesce(json_agg(t), '[]') from (
 select n.nspname as s, c.relname as n, c.reltuples as e, pg_table_size(c.oid) as b, c.relispartition as p ` + mine + ` and c.relkind = 'r' and c.relpersistence <> 't'
 union all select 'pg_catalog', 'pg_largeobject', -1, pg_table_size('pg_largeobject'), false where exists (select from pg_largeobject_metadata)) t`

func (h *snapshot) read(ctx context.Context, o Options, c chosen) error {
	var s struct {
		Version, LSN, Encoding, Collate, Collversion, System string
		Recovery                                             bool
		Extensions                                           map[string]string
		At                                                   float64
	}
	if err := h.json(ctx, &s, serverQuery); err != nil {
		return err
	}
	h.at = time.UnixMicro(int64(s.At * 1e6)).UTC()
	h.server = backup.Server{
		Version: s.Version, SystemID: s.System, InRecovery: s.Recovery, Node: c.node.Name, LSN: s.LSN, Encoding: s.Encoding,
		Collate: s.Collate, CollationVersion: s.Collversion, Extensions: s.Extensions, AppImage: o.AppImage,
	}
	if err := h.json(ctx, &h.tables, tablesQuery); err != nil {
		return h.lockedOut(ctx, err)
	}
	m, err := h.migrations(ctx, o)
	if err != nil {
		return h.lockedOut(ctx, err)
	}
	h.server.Migrations = m
	return nil
}

// migrations reads Ecto's table, that in public where there are several.
func (h *snapshot) migrations(ctx context.Context, o Options) (backup.Migrations, error) {
	var m backup.Migrations
	name, err := h.text(ctx, `select format('%I.%I', n.nspname, c.relname) `+mine+` and c.relkind in ('r', 'p') and c.relname = `+literal(o.Migrations)+`
 and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'version' and a.atttypid = 'bigint'::regtype)
 order by n.nspname <> 'public', n.nspname limit 1`)
	if err != nil || name == "" {
		return m, err
	}
	err = h.json(ctx, &m, "select json_build_object('max', coalesce(max(version), 0), 'count', count(*)) from "+name)
	return m, err
}

// heldQuery is who has tables locked against everybody.
const heldQuery = `select coalesce(json_agg(` + who + ` order by a.pid), '[]') from pg_stat_activity a where a.datname = current_database() and a.pid in (
 select pid from pg_locks where locktype = 'relation' and mode = 'AccessExclusiveLock' and granted and relation >= 16384)`

// lockedOut says who has locked what was waited for in vain; other errors stay as they are.
func (h *snapshot) lockedOut(ctx context.Context, err error) error {
	if sqlState(err) != "55P03" {
		return err
	}
	return h.lockedBy(ctx)
}

// lockedBy names who has tables locked. It ends the transaction.
func (h *snapshot) lockedBy(ctx context.Context) error {
	holder := "somebody"
	if text, ask := h.text(ctx, "rollback; "+heldQuery); ask == nil {
		if all, ask := dumps(text); ask == nil && len(all) > 0 {
			holder = all[0].String()
		}
	}
	return fmt.Errorf("%w: by %s; a backup that waited for it would make others wait", ErrLocked, holder)
}

// keep keeps the session from being taken for dead while pg_dump works, and ends the run where it is, or where it has
// lasted too long.
func (h *snapshot) keep(ctx context.Context, cancel context.CancelCauseFunc, most time.Duration) {
	ctx, end := context.WithCancel(ctx)
	done := make(chan struct{})
	h.stop = func() { end(); <-done }
	go func() {
		defer close(done)
		tick := time.NewTicker(pingEvery)
		defer tick.Stop()
		limit := time.NewTimer(time.Until(h.began.Add(most)))
		defer limit.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-limit.C:
				cancel(fmt.Errorf("%w, %s: the store or the way there is too slow for this database; raise backup.max_snapshot, or run it next to the database (backup run --remote)", ErrTooLong, most))
				return
			case <-tick.C:
			}
			ask, done := context.WithTimeout(ctx, watchWait)
			err := h.do(ask, "select")
			done()
			if err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%w: that of the snapshot (%w)", ErrLost, err))
				return
			}
		}
	}()
}

// pingEvery is how often the session with the snapshot is used.
const pingEvery = 20 * time.Second

// close lets the snapshot go.
func (h *snapshot) close() {
	h.stop()
	h.session.close()
}

// merge puts together what the dump held and what the database said of it, by name.
func (h *snapshot) merge(counted []backup.Table) []backup.Table {
	known := map[string]table{}
	for _, t := range h.tables {
		known[archive.Key(archive.Name(t.Schema, t.Name))] = t
	}
	out := make([]backup.Table, 0, len(counted))
	for _, c := range counted {
		if t, ok := known[archive.Key(c.Name)]; ok {
			c.Est, c.Part = int64(t.Est), t.Part
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b backup.Table) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
