//go:build unix

package postgres

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// collect is a question whose rows are kept.
func collect(sql string, into *[]string) Question {
	return Question{SQL: sql, Row: func(values [][]byte) error {
		for _, v := range values {
			*into = append(*into, string(v))
		}
		return nil
	}}
}

func TestALookSeesOneStateAndSurvivesFailures(t *testing.T) {
	l := newLab(t)
	p := l.cluster.Primary()
	if err := p.Exec(t.Context(), "app", "create table seen (id int)", "insert into seen values (1)"); err != nil {
		t.Fatal(err)
	}
	c := open(t, as(t, p, "dbname=app"), nil)
	var first, second, settings, after []string
	err := c.Look(t.Context(), Limits{Statement: time.Second, Lock: 100 * time.Millisecond}, func(k *Look) error {
		if n, err := k.Ask(false, collect("select id from public.seen", &first)); n != 1 || err != nil {
			t.Errorf("answered %d, %v", n, err)
		}
		if err := p.Exec(t.Context(), "app", "insert into seen values (2)"); err != nil {
			t.Error(err)
		}
		n, err := k.Ask(true, collect("select id from public.seen", &second), collect("select pg_sleep(5)", &after), collect("select 1", &after))
		if f := failure(t, err); n != 1 || f.SQLState != "57014" {
			t.Errorf("answered %d, %v", n, err)
		}
		if n, err = k.Ask(false, collect("delete from public.seen", &after)); n != 0 || failure(t, err).SQLState != "25006" {
			t.Errorf("a write: answered %d, %v", n, err)
		}
		n, err = k.Ask(true, collect("select current_setting('transaction_isolation'), current_setting('lock_timeout'), current_setting('statement_timeout'), current_setting('search_path')", &settings))
		if n != 1 || err != nil {
			t.Errorf("answered %d, %v", n, err)
		}
		if _, err := k.Ask(false, collect("select 1", &after)); !errors.Is(err, errLookOver) {
			t.Errorf("after the last question: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, list := range map[string][]string{"first": first, "second": second} {
		if len(list) != 1 || list[0] != "1" {
			t.Errorf("%s: %q", what, list)
		}
	}
	if len(after) != 0 || len(settings) != 4 || settings[0] != "repeatable read" || settings[1] != "100ms" || settings[2] != "1s" || settings[3] != "pg_catalog, pg_temp" {
		t.Errorf("settings %q, rows that nobody asked for %q", settings, after)
	}
	stop := errors.New("enough")
	err = c.Look(t.Context(), Limits{}, func(k *Look) error {
		_, err := k.Ask(false, Question{SQL: "select 1", Row: func([][]byte) error { return stop }})
		return err
	})
	if !errors.Is(err, stop) || c.Broken() {
		t.Errorf("got %v, broken %v", err, c.Broken())
	}
	if a, err := c.Ask(t.Context(), "select current_setting('transaction_isolation') || current_setting('lock_timeout')", 0); err != nil || a.Value != "read committed0" {
		t.Errorf("afterwards %q, %v", a.Value, err)
	}
}

func TestLooksThroughPgBouncer(t *testing.T) {
	l := newLab(t)
	n := at(t, "host="+pgbouncer(t, l, "")+" port=6432 user=plain")
	for i := range 3 {
		c := open(t, n, nil)
		for k := range 5 {
			want := strconv.Itoa(10*i + k)
			var got []string
			err := c.Look(t.Context(), Limits{}, func(look *Look) error {
				if _, err := look.Ask(false, collect("select pg_backend_pid()", &got)); err != nil {
					return err
				}
				_, err := look.Ask(k%2 == 0, collect("select pg_backend_pid()", &got), collect("select "+want, &got))
				return err
			})
			if err != nil || len(got) != 3 || got[0] != got[1] || got[2] != want {
				t.Fatalf("got %q, %v", got, err)
			}
		}
	}
}
