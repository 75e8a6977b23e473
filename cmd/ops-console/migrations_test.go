package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// migrated is what these tests read of migrations --format json.
type migrated struct {
	Verdict, Node, Error string
	Repos                []struct {
		Module     string
		Known      bool
		Pending    int
		Migrations []struct {
			Version  int64
			State    string
			Findings *struct{ Error, Warning, Info int }
		}
	}
}

func (m migrated) state(version int64) string {
	for _, r := range m.Repos {
		for _, s := range r.Migrations {
			if s.Version == version {
				return s.State
			}
		}
	}
	return ""
}

// TestMigrationsOfAWorld asks the database of a simulated world, which is reachable through the tunnel only.
func TestMigrationsOfAWorld(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--database", "on")
	t.Run("states", func(t *testing.T) {
		r := run(t, sandbox(t), program, s.args("migrations", "--format", "json")...)
		var got migrated
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.status != 1 {
			t.Fatalf("status %d: %v\n%s%s", r.status, err, r.stdout, r.stderr)
		}
		if got.Verdict != "bad" || got.Node == "" || len(got.Repos) != 1 || !got.Repos[0].Known || got.Repos[0].Pending != 10 {
			t.Errorf("got %+v", got)
		}
		for version, want := range map[int64]string{
			20160104170209: "up", 20250812090000: "out_of_order", 20260112094500: "down", 20260302170000: "down",
		} {
			if state := got.state(version); state != want {
				t.Errorf("%d is %s, want %s", version, state, want)
			}
		}
		text := run(t, sandbox(t), program, s.args("migrations")...)
		if text.status != 1 || !strings.Contains(text.stdout, "out of order  add_newsletter_to_podcasts") {
			t.Errorf("status %d:\n%s%s", text.status, text.stdout, text.stderr)
		}
	})
	t.Run("live", func(t *testing.T) {
		got := lintJSON(t, 1, s.args("lint", "--pending")...)
		repo := got.Repos[0]
		if got.Checked != 10 || repo.Database == nil || repo.Database.Node == "" || repo.Target != repo.Database.Version/10000 {
			t.Errorf("%d checked, %+v", got.Checked, repo.Database)
		}
		// Two million rows are an outage, once the world has written them; a handful of sponsors is none.
		until(t, time.Minute, "two million rows", func() bool {
			severities := map[string]string{}
			for _, f := range lintJSON(t, 1, s.args("lint", "--pending")...).Repos[0].Findings {
				if f.Rule != "index-not-concurrent" {
					continue
				}
				severities[f.Table] = f.Severity
				if f.Table == "plays" && f.Severity == "error" && (f.Hold == nil || f.Hold.Hi == 0 || f.Blocks != "writes") {
					t.Errorf("it blocks %s, for %+v", f.Blocks, f.Hold)
				}
			}
			if severities["sponsors"] == "error" || severities["sponsors"] == "warning" {
				t.Errorf("severities by table: %v", severities)
			}
			return severities["plays"] == "error"
		})
		if !slices.Contains(got.rules(20250812090000), "out-of-order") {
			t.Errorf("%v", got.rules(20250812090000))
		}
	})
	t.Run("off", func(t *testing.T) {
		if got := lintJSON(t, 1, s.args("lint", "--database", "off")...); got.Repos[0].Database != nil || got.Checked != 30 {
			t.Errorf("%d checked, %+v", got.Checked, got.Repos[0].Database)
		}
	})
	t.Run("rehearsed", func(t *testing.T) {
		got := lintJSON(t, 1, s.args("lint", "--pending", "--rehearse")...)
		measured(t, got)
		measured(t, lintJSON(t, 1, "lint", demo, "--since", "20260101000000", "--rehearse"))
	})
	t.Run("watched", func(t *testing.T) { s.watchMigrations(t) })
}

// measured holds that a rehearsal of the demo's pending migrations locked what was predicted, and that only the migration
// that would hang failed.
func measured(t *testing.T, got linted) {
	t.Helper()
	h := got.Repos[0].Rehearsal
	if h == nil || h.Error != "" || h.Ran < 13 || h.Differ != 0 || h.Failed != 1 || h.Agree != h.Ran-1 {
		t.Fatalf("got %+v", h)
	}
	locked := false
	for _, step := range h.Steps {
		if (step.Error != "") != (step.Version == 20260119110000) {
			t.Errorf("%s: %q", step.SQL, step.Error)
		}
		for _, l := range step.Measured {
			locked = locked || l.Table == "plays" && l.Lock == "SHARE" && slices.Contains(step.Predicted, l)
		}
	}
	if !locked {
		t.Error("the index on plays took no SHARE lock")
	}
}

// watchMigrations changes a file while the command looks.
func (s *sim) watchMigrations(t *testing.T) {
	c := exec.CommandContext(t.Context(), program, s.args("migrations", "--watch", "--format", "json")...)
	c.Env = sandbox(t)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	states := make(chan migrated)
	go func() {
		defer close(states)
		for d := json.NewDecoder(bufio.NewReader(out)); ; {
			var m migrated
			if d.Decode(&m) != nil {
				return
			}
			states <- m
		}
	}()
	next := func(what string, ok func(migrated) bool) {
		t.Helper()
		limit := time.After(40 * time.Second)
		for {
			select {
			case m, open := <-states:
				if !open {
					t.Fatalf("the output ended before %s", what)
				}
				if ok(m) {
					return
				}
			case <-limit:
				t.Fatalf("no state with %s", what)
			}
		}
	}
	next("ten pending", func(m migrated) bool { return m.Verdict == "bad" && m.Repos[0].Pending == 10 })
	added := filepath.Join(s.dir, "project", "priv", "repo", "migrations", "20270101000000_nothing.exs")
	const text = "defmodule Changelog.Repo.Migrations.Nothing do\n  use Ecto.Migration\n\n  def change do\n  end\nend\n"
	if err := os.WriteFile(added, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	next("one more", func(m migrated) bool { return m.Repos[0].Pending == 11 && m.state(20270101000000) == "down" })
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range states { // to the end, so that Wait may close the pipe
	}
	_ = c.Wait()
	if status := c.ProcessState.ExitCode(); status != 1 {
		t.Errorf("status %d, want that of the last state: 1", status)
	}
}

func TestMigrationsWithoutADatabase(t *testing.T) {
	r := run(t, sandbox(t), program, "migrations", "--project", demo, "--format", "json")
	var got migrated
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("status %d: %v\n%s%s", r.status, err, r.stdout, r.stderr)
	}
	if r.status != 3 || got.Verdict != "unknown" || got.Error == "" || got.state(20260112094500) != "unknown" || len(got.Repos[0].Migrations) != 30 {
		t.Errorf("status %d: %+v", r.status, got)
	}
}
