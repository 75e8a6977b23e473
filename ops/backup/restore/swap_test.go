package restore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/tables"
)

func (l *lab) swapOptions(t *testing.T, restored string) SwapOptions {
	return SwapOptions{Node: sample.Node(t, l.cluster.Primary(), "shop"), Restored: restored}
}

func (l *lab) exec(t *testing.T, database string, sql ...string) {
	t.Helper()
	if err := l.cluster.Primary().Exec(t.Context(), database, sql...); err != nil {
		t.Fatal(err)
	}
}

// alive says whether a session still answers.
func alive(conn *pgx.Conn) bool { return conn.Ping(context.Background()) == nil }

func TestARestoredDatabaseTakesTheOriginalsPlaceAndGivesItBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.own(t)
	backedUp := l.content(t, "shop")
	r := l.restored(t)
	l.exec(t, "shop", "delete from orders", "create table schema_migrations (version bigint primary key)", "insert into schema_migrations values (20260101000000)",
		"alter database shop connection limit 50")
	present := l.content(t, "shop")
	busy, watching := sample.Connect(t, l.cluster.Primary(), "shop"), sample.Connect(t, l.cluster.Primary(), r.Database)
	if _, err := busy.Exec(t.Context(), "begin; lock table customers"); err != nil {
		t.Fatal(err)
	}
	o := l.swapOptions(t, r.Database)
	o.Now = func() time.Time { return time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC) }
	var said []string
	o.Step = func(s string) { said = append(said, s) }
	p, err := MakeSwap(t.Context(), o)
	if err != nil || len(p.Problems) > 0 {
		t.Fatal(err, p)
	}
	if p.Original != "shop" || p.Aside != "shop_before_20261121t200000" || p.Sessions < 2 || p.Backup != l.Manifest.ID || len(p.Undone) == 0 ||
		!contains(p.Drift, "migrations: shop has 1, the last 20260101000000; the backup has 0") || !contains(p.Drift, "the backup is of ") || !contains(p.Drift, "MB of write-ahead log") {
		t.Fatalf("%+v", p)
	}
	if err := Swap(t.Context(), o, p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"shop", p.Aside}, l.databases(t)); diff != "" {
		t.Error(diff)
	}
	if alive(busy) || alive(watching) {
		t.Error("sessions of before go on")
	}
	same(t, "swapped", backedUp, l.content(t, "shop"))
	same(t, "set aside", present, l.content(t, p.Aside))
	if got := l.value(t, "postgres", "select datconnlimit || ' ' || shobj_description(oid, 'pg_database') from pg_database where datname = 'shop'"); got != "50 the shop's" {
		t.Errorf("limit and comment: %q", got)
	}
	if !contains(said, "renaming shop to shop_before") {
		t.Error(said)
	}
	made, err := Leftovers(t.Context(), o.Node, nil)
	if err != nil || len(made) != 1 || made[0].State != Before || made[0].Name != p.Aside {
		t.Errorf("%+v %v", made, err)
	}
	if _, err := MakeSwap(t.Context(), o); err == nil {
		t.Error("a second swap was planned")
	}
	if err := Drop(t.Context(), o.Node, nil, "shop"); !errors.Is(err, ErrNotOurs) {
		t.Errorf("what is in use now was dropped: %v", err)
	}

	l.exec(t, "shop", "insert into a values (2)")
	after := l.content(t, "shop")
	o.Restored = p.Aside
	undo, err := MakeUndo(t.Context(), o)
	if err != nil || len(undo.Problems) > 0 || undo.Aside != r.Database {
		t.Fatal(err, undo)
	}
	if err := Swap(t.Context(), o, undo); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"shop", r.Database}, l.databases(t)); diff != "" {
		t.Error(diff)
	}
	same(t, "swapped back", present, l.content(t, "shop"))
	same(t, "the restored one again", after, l.content(t, r.Database))
	if got := l.value(t, "postgres", "select shobj_description(oid, 'pg_database') from pg_database where datname = 'shop'"); got != "the shop's" {
		t.Errorf("comment: %q", got)
	}
	o.Restored = r.Database
	if again, err := MakeSwap(t.Context(), o); err != nil || len(again.Problems) > 0 || !contains(again.Drift, "the backup is of ") {
		t.Errorf("it cannot be swapped again: %v %+v", err, again)
	}
}

func same(t *testing.T, what string, want, got *tables.Content) {
	t.Helper()
	if diff := tables.Diff(want, got); len(diff) > 0 {
		t.Errorf("%s:\n%s", what, strings.Join(diff, "\n"))
	}
}

// unswapped says that a swap did not happen, and that everything is as it was.
func (l *lab) unswapped(t *testing.T, when string, o SwapOptions) {
	t.Helper()
	if diff := cmp.Diff([]string{"shop", o.Restored}, l.databases(t)); diff != "" {
		t.Errorf("%s: databases (-want +got):\n%s", when, diff)
		return
	}
	for _, db := range []string{"shop", o.Restored} {
		conn, err := pgx.Connect(t.Context(), l.cluster.Primary().URL(db))
		if err != nil {
			t.Errorf("%s: %s takes no sessions: %v", when, db, err)
			continue
		}
		conn.Close(t.Context())
	}
	made, err := Leftovers(t.Context(), o.Node, nil)
	if err != nil || len(made) != 1 || made[0].State != Restored {
		t.Errorf("%s: %+v, %v", when, made, err)
	}
}

func TestASwapThatFailsChangesNoName(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	r := l.restored(t)
	steps := []string{"closing", "ending", "renaming"}
	stop := errors.New("somebody pressed a key")
	for _, step := range steps {
		for name, harm := range map[string]func(context.CancelCauseFunc){
			"cancelled": func(cancel context.CancelCauseFunc) { cancel(stop) },
			"its session ended": func(context.CancelCauseFunc) {
				l.value(t, "postgres", "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '"+appName+"' and pid <> pg_backend_pid()")
			},
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			o := l.swapOptions(t, r.Database)
			p, err := MakeSwap(ctx, o)
			if err != nil || len(p.Problems) > 0 {
				t.Fatal(name, step, err, p)
			}
			o.Step = func(s string) {
				if strings.HasPrefix(s, step) {
					harm(cancel)
				}
			}
			err = Swap(ctx, o, p)
			if err == nil || name == "cancelled" && !errors.Is(err, stop) {
				t.Errorf("%s while %s: %v", name, step, err)
			}
			l.unswapped(t, name+" while "+step, o)
			cancel(nil)
		}
	}
}

func TestWhatKeepsTwoDatabasesFromASwap(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	r := l.restored(t)
	o := l.swapOptions(t, r.Database)
	for name, c := range map[string]struct {
		before, after []string // statements in shop
		change        func(*SwapOptions)
		code          string
	}{
		"a prepared transaction": {[]string{"begin; insert into a values (9); prepare transaction 'x'"}, []string{"rollback prepared 'x'"}, nil, "prepared"},
		"a role that may not": {[]string{"create role small login"}, nil, func(o *SwapOptions) {
			o.Node.Config = o.Node.Config.Copy()
			o.Node.Config.User = "small"
		}, "owner"},
		"nothing": {nil, nil, nil, ""},
	} {
		conn := sample.Connect(t, l.cluster.Primary(), "shop")
		for _, sql := range c.before {
			if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Fatal(name, err)
			}
		}
		o := o
		if c.change != nil {
			c.change(&o)
		}
		p, err := MakeSwap(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		codes := []string{}
		for _, problem := range p.Problems {
			codes = append(codes, problem.Code)
		}
		if c.code != "" && !slices.Contains(codes, c.code) || c.code == "" && len(codes) > 0 {
			t.Errorf("%s: %v", name, codes)
		}
		if c.code != "" {
			if err := Swap(t.Context(), o, p); !errors.Is(err, ErrPlan) {
				t.Errorf("%s: it was begun: %v", name, err)
			}
		}
		for _, sql := range c.after {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(name, err)
			}
		}
	}
	t.Run("a prepared transaction that comes later", func(t *testing.T) {
		p, err := MakeSwap(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		conn := sample.Connect(t, l.cluster.Primary(), r.Database)
		if _, err := conn.PgConn().Exec(t.Context(), "begin; insert into public.a values (9); prepare transaction 'y'").ReadAll(); err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
		if err := Swap(t.Context(), o, p); err == nil || !strings.Contains(err.Error(), "being accessed by other users") {
			t.Errorf("%v", err)
		}
		l.unswapped(t, "with a prepared transaction", o)
		l.exec(t, r.Database, "rollback prepared 'y'")
	})
	t.Run("what nobody restored", func(t *testing.T) {
		l.exec(t, "postgres", "create database other")
		if _, err := MakeSwap(t.Context(), l.swapOptions(t, "other")); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%v", err)
		}
		l.exec(t, "postgres", "drop database other")
	})
	t.Run("no original", func(t *testing.T) {
		l.exec(t, "postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'", "alter database shop rename to lost")
		p, err := MakeSwap(t.Context(), o)
		if err != nil || len(p.Problems) != 1 || p.Problems[0].Code != "missing" || !strings.HasPrefix(p.Problems[0].Hint, "ALTER DATABASE") {
			t.Errorf("%v %+v", err, p)
		}
		l.exec(t, "postgres", "alter database lost rename to shop")
	})
	t.Run("two at once", func(t *testing.T) {
		p, err := MakeSwap(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		second := errors.New("it was not tried")
		first := o
		first.Step = func(s string) {
			if strings.HasPrefix(s, "ending") {
				second = Swap(t.Context(), o, p)
				if did, err := Recover(t.Context(), o); !errors.Is(err, ErrBusy) {
					t.Errorf("what is under way was taken back: %v %v", did, err)
				}
			}
		}
		if err := Swap(t.Context(), first, p); err != nil || second == nil || !errors.Is(second, ErrBusy) && !strings.Contains(second.Error(), "plan again") {
			t.Errorf("first: %v; second: %v", err, second)
		}
	})
}

func TestASwapThatWasKilledIsTakenBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	r := l.restored(t)
	o := l.swapOptions(t, r.Database)
	p, err := MakeSwap(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// What is there after a kill between the two transactions.
	intent := p.incoming
	intent.State = Swapping
	l.script(t, p.close(intent))
	for _, db := range []string{"shop", r.Database} {
		if _, err := pgx.Connect(t.Context(), l.cluster.Primary().URL(db)); err == nil {
			t.Fatal(db + " takes sessions")
		}
	}
	if err := Drop(t.Context(), o.Node, nil, r.Database); !errors.Is(err, ErrBusy) {
		t.Errorf("it was dropped: %v", err)
	}
	did, err := Recover(t.Context(), o)
	if err != nil || len(did) != 1 {
		t.Errorf("%v %v", did, err)
	}
	l.unswapped(t, "recovered", o)
	if did, err := Recover(t.Context(), o); err != nil || len(did) != 0 {
		t.Errorf("a second time: %v %v", did, err)
	}
	// A kill after the second one: nothing is to be done. Whoever lost its answer alone finds out that it was done.
	l.script(t, p.close(intent))
	l.exec(t, "postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname in "+p.both())
	l.script(t, p.names([]string{"", "-1", "postgres"}, time.Now()))
	if done, err := verdict(t.Context(), o, p); err != nil || !done {
		t.Errorf("done: %t, %v", done, err)
	}
	if did, err := Recover(t.Context(), o); err != nil || len(did) != 0 {
		t.Errorf("after a swap: %v %v", did, err)
	}
	if diff := cmp.Diff([]string{"shop", p.Aside}, l.databases(t)); diff != "" {
		t.Error(diff)
	}
	o.Restored = p.Aside
	undo, err := MakeUndo(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	intent = undo.incoming
	intent.State = Swapping
	l.script(t, undo.close(intent))
	if did, err := Recover(t.Context(), o); err != nil || len(did) != 1 {
		t.Errorf("%v %v", did, err)
	}
	if again, err := MakeUndo(t.Context(), o); err != nil || len(again.Problems) > 0 {
		t.Errorf("%v %+v", err, again)
	}
	// To plan again is enough, too.
	l.script(t, undo.close(intent))
	again, err := MakeUndo(t.Context(), o)
	if err != nil || len(again.Problems) > 0 {
		t.Fatalf("%v %+v", err, again)
	}
	if err := Swap(t.Context(), o, again); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"shop", r.Database}, l.databases(t)); diff != "" {
		t.Error(diff)
	}
}

// script runs several statements as one query.
func (l *lab) script(t *testing.T, sql string) {
	t.Helper()
	conn := sample.Connect(t, l.cluster.Primary(), "postgres")
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}
