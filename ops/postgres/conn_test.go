package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAskGivesOneValueAndWhenItWasAsked(t *testing.T) {
	l := newLab(t)
	c := open(t, as(t, l.cluster.Primary(), ""), nil)
	before := time.Now()
	a, err := c.Ask(t.Context(), "select 'a' || chr(10) || 'b'", time.Second)
	if err != nil || a.Value != "a\nb" {
		t.Fatalf("got %q, %v", a.Value, err)
	}
	if a.Sent.Before(before) || a.Received.Before(a.Sent) || time.Now().Before(a.Received) {
		t.Errorf("sent %v, received %v", a.Sent, a.Received)
	}
	if a, err := c.Ask(t.Context(), "select null", 0); err != nil || a.Value != "" {
		t.Errorf("NULL: got %q, %v", a.Value, err)
	}
	if a, err := c.Ask(t.Context(), "select current_setting('application_name')", 0); err != nil || a.Value != "ops-console" {
		t.Errorf("got %q, %v", a.Value, err)
	}
}

func TestOneQuestionIsOneRoundTrip(t *testing.T) {
	l := newLab(t)
	r := relayTo(t, l.cluster.Node("r1"))
	c := open(t, at(t, "host=fdaa:0:1::3 port=5433"), r)
	for i := range int64(3) {
		before := r.writes.Load()
		if a, err := c.Ask(t.Context(), "select pg_is_in_recovery()", 0); err != nil || a.Value != "t" {
			t.Fatalf("got %q, %v", a.Value, err)
		}
		if got := r.writes.Load() - before; got != 1 {
			t.Errorf("question %d: %d messages", i, got)
		}
	}
}

func TestPreparedQuestionsAreAskedByName(t *testing.T) {
	l := newLab(t)
	r := relayTo(t, l.cluster.Primary())
	c := open(t, at(t, "host=fdaa:0:1::3 port=5433"), r)
	if err := c.Prepare(t.Context(), "q", "select 'prepared'"); err != nil {
		t.Fatal(err)
	}
	before := r.writes.Load()
	if a, err := c.Ask(t.Context(), "execute q", 0); err != nil || a.Value != "prepared" || r.writes.Load() != before+1 {
		t.Errorf("got %q, %v in %d messages", a.Value, err, r.writes.Load()-before)
	}
	if err := c.Prepare(t.Context(), "q", "select 1"); failure(t, err).SQLState != "42P05" || c.Broken() {
		t.Errorf("the same name: got %v", err)
	}
	if _, err := c.Ask(t.Context(), "execute lost", 0); failure(t, err).SQLState != "26000" || c.Broken() {
		t.Errorf("another name: got %v", err)
	}
	r.holed.Store(true)
	if err := c.Prepare(t.Context(), "r", "select 1"); failure(t, err).Kind != FailTimeout || !c.Broken() {
		t.Errorf("no answer: got %v", err)
	}
}

func TestSessionsSurviveQuestionsThatFail(t *testing.T) {
	l := newLab(t)
	c := open(t, as(t, l.cluster.Primary(), "user=plain"), nil)
	for _, tt := range []struct {
		query string
		want  Failure
	}{
		{"select pg_sleep(5)", Failure{Kind: FailTimeout, SQLState: "57014", Text: "canceling statement due to statement timeout (57014)", Hint: hintSlow}},
		{"create table t()", Failure{Kind: FailOther, SQLState: "25006", Text: "cannot execute CREATE TABLE in a read-only transaction (25006)"}},
		{"select pg_ls_waldir()", Failure{Kind: FailOther, SQLState: "42501", Text: "permission denied for function pg_ls_waldir (42501)", Hint: `a superuser can run: GRANT pg_monitor TO "plain"`}},
		{"select no_such_function()", Failure{Kind: FailOther, SQLState: "42883", Text: "function no_such_function() does not exist (42883)"}},
		{"select no_such_column", Failure{Kind: FailOther, SQLState: "42703", Text: `column "no_such_column" does not exist (42703)`}},
		{"select E'\\x1b]0;x\\x07'::int", Failure{Kind: FailOther, SQLState: "22P02", Text: `invalid input syntax for type integer: "" (22P02)`}},
		{"select 1, 2", Failure{Kind: FailOther, Text: "the server did not give the one value that was asked for"}},
		{"select generate_series(1, 2)", Failure{Kind: FailOther, Text: "the server did not give the one value that was asked for"}},
		{"select 1 where false", Failure{Kind: FailOther, Text: "the server did not give the one value that was asked for"}},
	} {
		_, err := c.Ask(t.Context(), tt.query, 50*time.Millisecond)
		f := *failure(t, err)
		if f.Err == nil {
			t.Errorf("%s: no cause", tt.query)
		}
		f.Err = nil
		if diff := cmp.Diff(tt.want, f); diff != "" {
			t.Errorf("%s: %s", tt.query, diff)
		}
		if c.Broken() {
			t.Fatalf("%s: the session is broken", tt.query)
		}
		if a, err := c.Ask(t.Context(), "select 'well'", 0); err != nil || a.Value != "well" {
			t.Errorf("after %s: got %q, %v", tt.query, a.Value, err)
		}
	}
}

func TestExecWritesIntoTheLogAndAskDoesNot(t *testing.T) {
	l := newLab(t)
	c := open(t, as(t, l.cluster.Primary(), "user=plain"), nil)
	a, err := c.Exec(t.Context(), "select pg_logical_emit_message(true, 'ops-console', '')", 0)
	if err != nil {
		t.Fatal(err)
	}
	wrote, err := ParseLSN(a.Value)
	if err != nil {
		t.Fatal(err)
	}
	a, err = c.Ask(t.Context(), "select pg_current_wal_flush_lsn()", 0)
	if err != nil {
		t.Fatal(err)
	}
	if flushed, _ := ParseLSN(a.Value); flushed.Sub(wrote) <= 0 {
		t.Errorf("wrote at %s, flushed up to %s", wrote, flushed)
	}
	if _, err := open(t, as(t, l.cluster.Node("r1"), ""), nil).Exec(t.Context(), "select 1", 0); failure(t, err).SQLState != "0A000" {
		t.Errorf("a standby: got %v", err)
	}
}

func TestEndOfTheLogIsWhereTheServerSaysItIsFlushedTo(t *testing.T) {
	l := newLab(t)
	p := l.cluster.Primary()
	c := open(t, as(t, p, ""), nil)
	size, err := c.Ask(t.Context(), "select setting from pg_settings where name = 'wal_segment_size'", 0)
	if err != nil {
		t.Fatal(err)
	}
	segment, err := strconv.ParseUint(size.Value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // until nobody wrote in between
		if err := p.Exec(t.Context(), "postgres", "select pg_logical_emit_message(true, 'x', '')", "select pg_switch_wal()"); err != nil {
			t.Fatal(err)
		}
		a, err := c.Ask(t.Context(), "select pg_current_wal_insert_lsn() || ' ' || pg_current_wal_flush_lsn()", 0)
		if err != nil {
			t.Fatal(err)
		}
		i, f, _ := strings.Cut(a.Value, " ")
		insert, _ := ParseLSN(i)
		flush, _ := ParseLSN(f)
		if uint64(insert)%segment != longHeader {
			continue
		}
		if insert == flush || insert.End(segment) != flush {
			t.Errorf("insert %s, flush %s, end %s", insert, flush, insert.End(segment))
		}
		return
	}
	t.Fatal("the insert position was never behind a header")
}

func TestConcurrentQuestionsWaitForEachOther(t *testing.T) {
	l := newLab(t)
	c := open(t, as(t, l.cluster.Primary(), ""), nil)
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			want := strconv.Itoa(i)
			if a, err := c.Ask(t.Context(), "select "+want, 0); err != nil || a.Value != want {
				t.Errorf("got %q, %v, want %s", a.Value, err, want)
			}
		})
	}
	wait.Wait()
}

func TestCloseWaitsForTheQuestionOrCutsItOff(t *testing.T) {
	l := newLab(t)
	r := relayTo(t, l.cluster.Primary())
	c := open(t, at(t, "host=fdaa:0:1::3 port=5433"), r)
	before := r.writes.Load()
	asked := make(chan error)
	go func() {
		_, err := c.Ask(t.Context(), "select pg_sleep(30)", 20*time.Second)
		asked <- err
	}()
	eventually(t, "the question is on its way", func() bool { return r.writes.Load() > before })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
	if f := failure(t, <-asked); f.Kind != FailCut {
		t.Errorf("got %s %v", f.Kind, f.Err)
	}
	if err := c.Close(t.Context()); err != nil || !c.Broken() {
		t.Errorf("again: %v, broken %v", err, c.Broken())
	}
	if _, err := c.Ask(t.Context(), "select 1", 0); failure(t, err).Kind != FailCut {
		t.Errorf("a closed session: got %v", err)
	}
}

func TestGivingUpIsNoFaultOfTheServer(t *testing.T) {
	l := newLab(t)
	r := relayTo(t, l.cluster.Primary())
	c := open(t, at(t, "host=fdaa:0:1::3 port=5433"), r)
	before := r.writes.Load()
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error)
	go func() {
		_, err := c.Ask(ctx, "select pg_sleep(30)", 20*time.Second)
		asked <- err
	}()
	eventually(t, "the question is on its way", func() bool { return r.writes.Load() > before })
	cancel()
	err := <-asked
	if f := failure(t, err); !errors.Is(err, context.Canceled) || f.Text != "given up before [fdaa:0:1::3]:5433 answered" {
		t.Errorf("got %v: %v", f, f.Err)
	}
	if !c.Broken() {
		t.Error("the answer is still to come, and the session is not broken")
	}
}

func TestCapabilities(t *testing.T) {
	l := newLab(t)
	p := l.cluster.Primary()
	if err := p.Exec(t.Context(), "app", "create or replace function watch_for_lsn_change(from_lsn text, timeout real) returns text language sql as 'select $1'"); err != nil {
		t.Fatal(err)
	}
	version := open(t, as(t, p, ""), nil).Capabilities()
	if version.Version < 120000 || !strings.HasPrefix(version.VersionText, strconv.Itoa(version.Version/10000)+".") {
		t.Errorf("version %d, %s", version.Version, version.VersionText)
	}
	for _, tt := range []struct {
		login string
		want  Capabilities
	}{
		{"", Capabilities{User: "postgres", Superuser: true, Monitor: true, Database: "postgres"}},
		{"user=plain dbname=app", Capabilities{User: "plain", WatchFunction: true, Database: "app"}},
		{"user=watcher", Capabilities{User: "watcher", Monitor: true, Database: "postgres"}},
		{"user=scram password=p@ss:word/1", Capabilities{User: "scram", Database: "postgres"}},
	} {
		got := open(t, as(t, p, tt.login), nil).Capabilities()
		tt.want.Version, tt.want.VersionText = version.Version, version.VersionText
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.login, diff)
		}
	}
}

func TestNodesDoNotPrintTheirPassword(t *testing.T) {
	n := at(t, "postgres://u:hunter2@db.example.com/d")
	if n.Config.Password != "hunter2" {
		t.Fatal("the password is lost")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, n) + fmt.Sprintf(verb, []Node{n}) + fmt.Sprint(n.LogValue()); strings.Contains(s, "hunter2") {
			t.Errorf("%s: %s", verb, s)
		}
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func FuzzReadCapabilities(f *testing.F) {
	f.Add(`{"version": 150018, "text": "15", "pid": 1}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, answer string) {
		c, _, err := readCapabilities(answer)
		if err == nil && strings.ContainsRune(c.VersionText+c.User+c.Database, 0x1b) {
			t.Errorf("%+v", c)
		}
	})
}
