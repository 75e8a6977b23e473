package take

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// LockClass and LockObject are the two numbers of the advisory lock that a run holds in the database that it dumps, at the
// primary where that can be reached: pg_try_advisory_lock(LockClass, LockObject). It goes with its session.
const (
	LockClass  = 0x6f707362 // "opsb"
	LockObject = 1
)

// Running is a session that dumps the database, or holds the lock for that.
type Running struct {
	PID  int     `json:"pid"`
	Name string  `json:"name"` // application_name: "ops-backup/ID" or "pg_dump"
	User string  `json:"user"`
	From string  `json:"from"` // address; empty: a socket, or not to be known
	For  float64 `json:"for"`  // seconds that the session exists
	ID   string  `json:"-"`    // of the backup; empty: it is none of ours
}

// String says who it is.
func (d Running) String() string {
	what := "session " + d.Name
	switch {
	case d.ID != "":
		what = "backup " + d.ID
	case d.Name == "":
		what = "a session without a name"
	}
	s := fmt.Sprintf("%s of role %s", what, d.User)
	if d.From != "" {
		s += " from " + d.From
	}
	return plaintext.Line(fmt.Sprintf("%s, pid %d, for %s", s, d.PID, time.Duration(d.For*float64(time.Second)).Round(time.Second)), 200)
}

// who is the fields of Running.
const who = `json_build_object('pid', a.pid, 'name', a.application_name, 'user', a.usename, 'from', host(a.client_addr),
 'for', coalesce(extract(epoch from clock_timestamp() - a.backend_start), 0))`

// dumpsQuery is the holder of the lock, and every other pg_dump.
var dumpsQuery = fmt.Sprintf(`select coalesce(json_agg(%s order by a.backend_start), '[]') from pg_stat_activity a
 where a.datname = current_database() and a.pid <> pg_backend_pid() and (a.application_name in ('pg_dump', 'pg_dumpall')
  or a.pid in (select pid from pg_locks where locktype = 'advisory' and classid = %d and objid = %d and objsubid = 2 and granted
   and database = (select oid from pg_database where datname = current_database())))`, who, LockClass, LockObject)

func dumps(text string) ([]Running, error) {
	var all []Running
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("an answer of another form: %w", err)
	}
	for i := range all {
		if id, ok := strings.CutPrefix(all[i].Name, application); ok {
			all[i].ID = plaintext.Line(id, 40)
		}
	}
	return all, nil
}

// UnderWay is every backup and every other dump of the database that is under way at a node, the oldest first.
func UnderWay(ctx context.Context, conn *postgres.Conn) ([]Running, error) {
	a, err := conn.Ask(ctx, dumpsQuery, 0)
	if err != nil {
		return nil, err
	}
	return dumps(a.Value)
}

// locked is the session that keeps other runs out.
type locked struct {
	*session
	stop func()
}

// lock takes the lock of the database, at the primary where there is one: that of a replica would only be its own.
func lock(ctx context.Context, o Options, c chosen) (*locked, error) {
	at := c.node
	if c.primary != nil {
		at = *c.primary
	}
	s, err := open(ctx, o, at)
	if err != nil {
		return nil, err
	}
	l := &locked{session: s, stop: func() {}}
	got, err := s.text(ctx, fmt.Sprintf("set statement_timeout = '10s'; select pg_try_advisory_lock(%d, %d)", LockClass, LockObject))
	if err == nil && got != "t" {
		err = l.busy(ctx)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// busy names who is dumping.
func (l *locked) busy(ctx context.Context) error {
	text, err := l.text(ctx, dumpsQuery)
	if err != nil {
		return err
	}
	all, err := dumps(text)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%w: another run is just ending; try again", ErrBusy)
	}
	return fmt.Errorf("%w: %s", ErrBusy, all[0])
}

// migrating is who holds what Ecto's migrators lock: its table, in a mode that nothing else takes but maintenance, or an
// advisory lock with a number alone, by a session whose last statement took it, where the role may see that. Sessions
// without a user are the server's own, which vacuum the table.
const migrating = `select coalesce(json_agg(` + who + `), '[]') from pg_stat_activity a
 where a.datname = current_database() and a.pid <> pg_backend_pid() and a.usename is not null and (
  exists (select from pg_locks l join pg_class c on c.oid = l.relation where l.pid = a.pid and l.locktype = 'relation' and c.relname = %s
   and l.mode in ('ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
  or a.query ~* '^select pg_try_advisory_lock\([0-9]+\)$'
   and exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.classid = 0 and l.objsubid = 1 and l.granted))`

// quiet refuses where another program dumps, or a migration runs.
func (s *session) quiet(ctx context.Context, o Options) error {
	for _, q := range []struct {
		sql string
		is  error
	}{{dumpsQuery, ErrBusy}, {fmt.Sprintf(migrating, literal(o.Migrations)), ErrMigrating}} {
		text, err := s.text(ctx, q.sql)
		if err != nil {
			return err
		}
		all, err := dumps(text)
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.ID != string(o.ID) {
				return fmt.Errorf("%w: %s", q.is, d)
			}
		}
	}
	return nil
}

// literal is a text as it stands in SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// blockedQuery is how many sessions wait for a lock of a run's, and how many wait behind those.
const blockedQuery = `with waiting as materialized (select distinct pid from pg_locks where not granted),
 direct as materialized (select pid from waiting where pg_blocking_pids(pid) && array(select pid from pg_stat_activity where application_name = %s)),
 behind as (select pid from waiting where pid not in (select pid from direct) and pg_blocking_pids(pid) && array(select pid from direct))
 select json_build_object('direct', (select count(*) from direct), 'behind', (select count(*) from behind))`

const (
	// watchEvery is how often it is looked whether anybody waits because of the run; it also keeps the session alive.
	watchEvery = time.Second
	// watchWait is how long an answer may take before the session is taken for lost.
	watchWait = 30 * time.Second
)

// keep watches, until close, that the session lives and that nobody has to wait for long. It ends the run where not.
func (l *locked) keep(ctx context.Context, cancel context.CancelCauseFunc, t *track, yield time.Duration) {
	ctx, end := context.WithCancel(ctx)
	done := make(chan struct{})
	l.stop = func() { end(); <-done }
	go func() {
		defer close(done)
		query := fmt.Sprintf(blockedQuery, literal(t.application()))
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		var since time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			direct, behind, err := l.blocked(ctx, query)
			switch {
			case ctx.Err() != nil:
				return
			case l.closed():
				cancel(fmt.Errorf("%w: that which keeps a second run out (%w)", ErrLost, err))
				return
			case err != nil:
				continue // it was too slow this time
			}
			t.blocked(direct + behind)
			switch now := time.Now(); {
			case behind == 0:
				since = time.Time{}
			case since.IsZero():
				since = now
			case yield > 0 && now.Sub(since) >= yield:
				cancel(fmt.Errorf("%w: %d sessions queued for %s behind one that waits for a lock of it (a migration, a TRUNCATE): give that a lock_timeout, or take the backup at another time", ErrYielded, behind, yield))
				return
			}
		}
	}()
}

func (l *locked) blocked(ctx context.Context, query string) (direct, behind int, err error) {
	ctx, cancel := context.WithTimeout(ctx, watchWait)
	defer cancel()
	var n struct{ Direct, Behind int }
	err = l.json(ctx, &n, query)
	return n.Direct, n.Behind, err
}

// held says whether the lock is still there: without it, somebody else may have swept up what this run has stored.
func (l *locked) held(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchWait)
	defer cancel()
	n, err := l.text(ctx, fmt.Sprintf("select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory' and classid = %d and objid = %d and granted", LockClass, LockObject))
	if err != nil {
		return fmt.Errorf("%w: that which keeps a second run out (%w)", ErrLost, err)
	}
	if n != "1" {
		return fmt.Errorf("%w: the lock that keeps a second run out is not held any more", ErrLost)
	}
	return nil
}

// close lets others in.
func (l *locked) close() {
	l.stop()
	l.session.close()
}
