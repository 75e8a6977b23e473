package restore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/tables"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// SwapOptions are of MakeSwap, Swap, MakeUndo and Recover.
type SwapOptions struct {
	Node     postgres.Node // the primary; its role owns both databases and may end their sessions, or is a superuser
	Network  postgres.Dialer
	Restored string           // the database that takes the place, as Run named it; for MakeUndo the one that is from before
	Now      func() time.Time // nil: time.Now
	// Patience is how long sessions may take to end; 0: 15 s.
	Patience time.Duration
	// Step is told what is done, in words that are safe to show. nil: nobody is.
	Step func(string)
}

func (o *SwapOptions) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience <= 0 {
		o.Patience = 15 * time.Second
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
}

// SwapPlan is what Swap will do. Its sentences are safe to show; names are as the server has them.
type SwapPlan struct {
	Original string // the name that changes hands; what a confirmation has one type
	Restored string // the database that gets it
	Aside    string // the name that the present one gets
	Backup   backup.ID
	Sessions int // that will be ended, of both

	Problems []Problem
	Drift    []string // how far the present one went on since the backup
	Undone   []string // what the swap does not do, and Undo does not take back

	incoming mark
	undo     bool
}

// MakeSwap looks at what a swap would do, and changes nothing, but for one thing: what a swap of the same database that was
// killed had begun is taken back.
func MakeSwap(ctx context.Context, o SwapOptions) (*SwapPlan, error) { return plan(ctx, o, false) }

// MakeUndo looks at what swapping back would do, in the same way: SwapOptions.Restored is the database that a swap set aside.
func MakeUndo(ctx context.Context, o SwapOptions) (*SwapPlan, error) { return plan(ctx, o, true) }

func plan(ctx context.Context, o SwapOptions, undo bool) (*SwapPlan, error) {
	o.fill()
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return nil, err
	}
	defer s.close()
	p := &SwapPlan{Restored: o.Restored, undo: undo}
	if _, err := Recover(ctx, o); err != nil {
		return nil, err
	}
	comment, err := s.comment(ctx, o.Restored)
	if err != nil {
		return nil, failed("look at "+o.Restored, err)
	}
	want := Restored
	if undo {
		want = Before
	}
	k, ok := parseMark(comment)
	switch {
	case !ok:
		return nil, fmt.Errorf("swap %s: %w, or is not there", shown(o.Restored), ErrNotOurs)
	case k.State == Filling:
		return nil, fmt.Errorf("swap %s: it was not restored to its end: drop it, and restore again", shown(o.Restored))
	case k.State != want:
		return nil, fmt.Errorf("swap %s: it is %q instead of %q", shown(o.Restored), k.State, want)
	}
	p.incoming, p.Original, p.Backup = k, k.Original, k.Backup
	p.Aside = named(p.Original, "before", o.Now())
	if undo {
		p.Aside = k.Restored
	}
	if err := p.look(ctx, s, &o); err != nil {
		return nil, failed("plan the swap of "+p.Original, err)
	}
	return p, nil
}

func (p *SwapPlan) problem(code, hint, format string, args ...any) {
	p.Problems = append(p.Problems, Problem{code, plaintext.Line(fmt.Sprintf(format, args...), 400), plaintext.Line(hint, 400)})
}

func (s *session) comment(ctx context.Context, name string) (string, error) {
	return s.value(ctx, "select pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname = "+tables.Literal(name))
}

// both is a list of two databases in SQL.
func (p *SwapPlan) both() string {
	return "(" + tables.Literal(p.Original) + ", " + tables.Literal(p.Restored) + ")"
}

func (p *SwapPlan) look(ctx context.Context, s *session, o *SwapOptions) error {
	rows, err := s.ask(ctx, `select d.datname, (r.rolsuper or pg_catalog.pg_has_role(d.datdba, 'member') and r.rolcreatedb)::text, d.datistemplate::text, pg_catalog.pg_get_userbyid(d.datdba), d.datconnlimit::text
 from pg_catalog.pg_database d, pg_catalog.pg_roles r where r.rolname = current_user and d.datname in `+p.both())
	if err != nil {
		return err
	}
	found := map[string][]string{}
	for _, r := range rows {
		found[r[0]] = r
		if r[1] != "true" {
			p.problem("owner", "connect as its owner with CREATEDB, or as a superuser", "the role may not rename %s", r[0])
		}
		if r[2] == "true" {
			p.problem("template", "", "%s is a template", r[0])
		}
	}
	if found[p.Original] == nil {
		p.problem("missing", "ALTER DATABASE "+tables.Quote(p.Restored)+" RENAME TO "+tables.Quote(p.Original), "there is no database %s that would have to make way", p.Original)
	}
	if len(p.Problems) > 0 {
		return nil
	}
	if a, b := found[p.Original][3], found[p.Restored][3]; a != b {
		p.note("%s belongs to %s, and the restored one to %s until the swap, which gives it to %s", p.Original, a, b, a)
	}
	taken, err := s.value(ctx, "select 1 from pg_catalog.pg_database where datname = "+tables.Literal(p.Aside))
	if err != nil {
		return err
	}
	if taken != "" {
		p.problem("taken", "wait a second", "there is a database %s already", p.Aside)
	}
	count, err := s.ask(ctx, `select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend' and datname in `+p.both()+`
 union all select count(*) from pg_catalog.pg_prepared_xacts where database in `+p.both()+`
 union all select count(*) from pg_catalog.pg_replication_slots where database = `+tables.Literal(p.Original))
	if err != nil {
		return err
	}
	numbers := make([]int, 3)
	for i := range min(len(count), 3) {
		if numbers[i], err = strconv.Atoi(count[i][0]); err != nil {
			return err
		}
	}
	p.Sessions = numbers[0]
	if numbers[1] > 0 {
		p.problem("prepared", "COMMIT PREPARED or ROLLBACK PREPARED them, as pg_prepared_xacts lists", "%d prepared transactions hold the databases", numbers[1])
	}
	if numbers[2] > 0 {
		p.note("%d logical replication slots stay with the present database, which will be called %s", numbers[2], p.Aside)
	}
	p.Undone = append(p.Undone,
		"what is written to "+shown(p.Original)+" from the snapshot of the backup until the swap is only in "+shown(p.Aside)+" afterwards",
		"what is written after the swap stays in the restored database when it is swapped back",
		"sessions of both databases are ended: who was in a transaction has to begin again",
	)
	return p.drift(ctx, s, o)
}

func (p *SwapPlan) note(format string, args ...any) {
	p.Drift = append(p.Drift, plaintext.Line(fmt.Sprintf(format, args...), 400))
}

const moment = "2006-01-02 15:04:05 UTC"

// drift says how far the present database went on since the backup, as far as that can be asked.
func (p *SwapPlan) drift(ctx context.Context, s *session, o *SwapOptions) error {
	if p.undo {
		p.note("%s was set aside at %s: what was written since stays in %s", p.Restored, p.incoming.At.Format(moment), p.Aside)
		return nil
	}
	was := p.incoming.Of
	if !was.Snapshot.IsZero() {
		p.note("the backup is of %s, %s ago", was.Snapshot.Format(moment), o.Now().Sub(was.Snapshot).Round(time.Second))
	}
	if lsn, err := postgres.ParseLSN(was.LSN); err == nil {
		rows, err := s.ask(ctx, "select pg_current_wal_lsn(), (select system_identifier from pg_control_system())")
		if err == nil && len(rows) == 1 && rows[0][1] == was.SystemID {
			if now, err := postgres.ParseLSN(rows[0][0]); err == nil && now > lsn {
				p.note("%d MB of write-ahead log were written since, by all databases of the server", now.Sub(lsn)>>20)
			}
		}
	}
	present, err := open(ctx, o.Node, o.Network, p.Original)
	if err != nil {
		p.note("%s could not be looked into: %v", p.Original, err)
		return ctx.Err()
	}
	defer present.close()
	where, err := present.value(ctx, "select pg_catalog.to_regclass('schema_migrations')")
	if err != nil || where == "" {
		return ctx.Err()
	}
	rows, err := present.ask(ctx, "select coalesce(max(version), 0)::text, count(*)::text from schema_migrations")
	if err != nil || len(rows) != 1 {
		return ctx.Err()
	}
	last, e1 := strconv.ParseInt(rows[0][0], 10, 64)
	count, e2 := strconv.ParseInt(rows[0][1], 10, 64)
	if e1 == nil && e2 == nil && (last != was.Migrations.Max || count != was.Migrations.Count) {
		p.note("migrations: %s has %d, the last %d; the backup has %d, the last %d: the release must fit the backup's, or run its migrations after the swap",
			p.Original, count, last, was.Migrations.Count, was.Migrations.Max)
	}
	return ctx.Err()
}

// Swap carries a plan out. Both names change in one transaction: whatever fails, each database has its name, and the
// original takes connections again; where a crash kept it from that, Recover does it.
func Swap(ctx context.Context, o SwapOptions, p *SwapPlan) error {
	o.fill()
	if len(p.Problems) > 0 {
		return fmt.Errorf("%w: %s", ErrPlan, p.Problems[0].Text)
	}
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return err
	}
	defer s.close()
	comment, err := s.comment(ctx, p.Restored)
	if err != nil {
		return failed("look at "+p.Restored, err)
	}
	if k, ok := parseMark(comment); !ok || k != p.incoming {
		return fmt.Errorf("swap %s: it is not what it was when this was planned: plan again", shown(p.Restored))
	}
	if err := s.lock(ctx, p.Restored); err != nil {
		return fmt.Errorf("swap %s: %w", shown(p.Restored), err)
	}
	// The intent, and that nobody can come in any more, are one: whoever finds the mark knows what to take back.
	intent := p.incoming
	intent.State = Swapping
	o.Step("closing " + shown(p.Original) + " to new sessions")
	if err := s.do(ctx, p.close(intent)); err != nil {
		return errors.Join(failed("close "+p.Original+" to new sessions", err), reopen(ctx, o, p))
	}
	err = s.exchange(ctx, o, p)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// An answer that was lost leaves open whether it was done.
	done, e := verdict(ctx, o, p)
	if e == nil && done {
		return nil
	}
	return errors.Join(fmt.Errorf("swap %s and %s: %w", shown(p.Original), shown(p.Restored), err), e)
}

// close is the transaction that begins a swap.
func (p *SwapPlan) close(intent mark) string {
	return "begin; comment on database " + tables.Quote(p.Restored) + " is " + tables.Literal(intent.String()) +
		"; alter database " + tables.Quote(p.Original) + " allow_connections false; alter database " + tables.Quote(p.Restored) + " allow_connections false; commit"
}

// exchange ends the sessions and changes the names.
func (s *session) exchange(ctx context.Context, o SwapOptions, p *SwapPlan) error {
	o.Step("ending " + strconv.Itoa(p.Sessions) + " sessions")
	if err := s.empty(ctx, o.Patience, p); err != nil {
		return err
	}
	rows, err := s.ask(ctx, `select coalesce(pg_catalog.shobj_description(oid, 'pg_database'), ''), datconnlimit::text, pg_catalog.pg_get_userbyid(datdba)
 from pg_catalog.pg_database where datname = `+tables.Literal(p.Original))
	if err != nil {
		return failed("look at "+p.Original, err)
	}
	if len(rows) != 1 {
		return fmt.Errorf("there is no database %s any more", shown(p.Original))
	}
	o.Step("renaming " + shown(p.Original) + " to " + shown(p.Aside) + ", and " + shown(p.Restored) + " to " + shown(p.Original))
	if err := s.do(ctx, p.names(rows[0], o.Now())); err != nil {
		return failed("change the names", err)
	}
	return nil
}

// names is the transaction that is the swap. present is the original's comment, connection limit and owner.
func (p *SwapPlan) names(present []string, at time.Time) string {
	original, restored, aside := tables.Quote(p.Original), tables.Quote(p.Restored), tables.Quote(p.Aside)
	left := mark{State: Before, Backup: p.Backup, Original: p.Original, At: at.UTC().Truncate(time.Second), Restored: p.Restored, Comment: present[0], Of: p.incoming.Of}
	comment := present[0]
	if p.undo {
		left.State, left.Restored, left.Comment = Restored, "", ""
		comment = p.incoming.Comment
	}
	sql := []string{
		"begin", "set local lock_timeout = '10s'",
		"alter database " + original + " rename to " + aside,
		"alter database " + restored + " rename to " + original,
		"comment on database " + aside + " is " + tables.Literal(left.String()),
		"comment on database " + original + " is " + textOrNull(comment),
		"alter database " + original + " connection limit " + present[1],
		"alter database " + aside + " allow_connections true",
		"alter database " + original + " allow_connections true",
		"alter database " + original + " owner to " + tables.Quote(present[2]),
		"commit",
	}
	return strings.Join(sql, "; ")
}

func textOrNull(s string) string {
	if s == "" {
		return "null"
	}
	return tables.Literal(s)
}

// empty ends all sessions of both databases, and waits until they are gone.
func (s *session) empty(ctx context.Context, patience time.Duration, p *SwapPlan) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%w: sessions did not end within %s", ErrBusy, patience))
	defer cancel()
	for {
		left, err := s.value(ctx, `select count(pg_catalog.pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity
 where backend_type in ('client backend', 'walsender', 'background worker', 'parallel worker') and datname in `+p.both())
		if err != nil {
			return failed("end the sessions of "+p.Original, err)
		}
		if left == "0" {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// settling is how long finding out and taking back may take, after ctx has ended, too.
const settling = 30 * time.Second

// verdict finds out whether a swap was done, and opens the original where it was not.
func verdict(ctx context.Context, o SwapOptions, p *SwapPlan) (done bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return false, unknown(p, err)
	}
	defer s.close()
	// What the lost session had begun must have ended, one way or the other.
	if err := s.await(ctx, p); err != nil {
		return false, unknown(p, err)
	}
	comment, err := s.comment(ctx, p.Aside)
	if err != nil {
		return false, unknown(p, err)
	}
	if k, ok := parseMark(comment); ok && k.Original == p.Original && (p.undo || k.Restored == p.Restored) {
		return true, nil
	}
	if err := s.reopen(ctx, p.Original, p.Restored, p.incoming); err != nil {
		return false, unknown(p, err)
	}
	return false, nil
}

func unknown(p *SwapPlan, err error) error {
	return fmt.Errorf("%s may still be closed to new sessions: plan the swap again, which opens it, or run ALTER DATABASE %s ALLOW_CONNECTIONS true: %w", shown(p.Original), shown(tables.Quote(p.Original)), err)
}

// reopen takes a beginning back.
func reopen(ctx context.Context, o SwapOptions, p *SwapPlan) error {
	_, err := verdict(ctx, o, p)
	return err
}

// await waits until no other session of ours is in the midst of renaming.
func (s *session) await(ctx context.Context, p *SwapPlan) error {
	for {
		left, err := s.value(ctx, `select count(pg_catalog.pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity
 where application_name = `+tables.Literal(appName)+` and pid <> pg_catalog.pg_backend_pid() and query like 'begin; %' and position(`+tables.Literal(tables.Quote(p.Restored))+` in query) > 0 and state <> 'idle'`)
		if err != nil || left == "0" {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// reopen lets sessions into both databases again, and makes the mark what it was, in one, so that it can be repeated.
func (s *session) reopen(ctx context.Context, original, restored string, was mark) error {
	err := s.do(ctx, "begin; alter database "+tables.Quote(original)+" allow_connections true; alter database "+tables.Quote(restored)+
		" allow_connections true; comment on database "+tables.Quote(restored)+" is "+tables.Literal(was.String())+"; commit")
	if err != nil {
		_ = s.do(ctx, "rollback") // the error is what matters
		return failed("open "+original+" again", err)
	}
	return nil
}

// Recover takes back what a swap that was killed had begun, and says in words what it did. A swap that went through needs
// nothing.
func Recover(ctx context.Context, o SwapOptions) ([]string, error) {
	o.fill()
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return nil, err
	}
	defer s.close()
	all, err := s.made(ctx)
	if err != nil {
		return nil, failed("list what restores left", err)
	}
	var did []string
	for _, m := range all {
		if m.State != Swapping || o.Restored != "" && o.Restored != m.Name {
			continue
		}
		if m.Running {
			return did, fmt.Errorf("recover %s: %w: its swap is under way", shown(m.Name), ErrBusy)
		}
		if err := s.await(ctx, &SwapPlan{Restored: m.Name}); err != nil {
			return did, err
		}
		comment, err := s.comment(ctx, m.Name)
		if err != nil {
			return did, failed("look at "+m.Name, err)
		}
		k, ok := parseMark(comment)
		if !ok || k.State != Swapping {
			continue
		}
		k.State = Restored
		if k.Restored != "" {
			k.State = Before // it was being swapped back
		}
		if err := s.reopen(ctx, k.Original, m.Name, k); err != nil {
			return did, err
		}
		did = append(did, plaintext.Line(k.Original+" takes sessions again: its swap with "+m.Name+" had not happened", 200))
	}
	return did, nil
}
