package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/report"
	"ops-console/ops/backup/retain"
)

// keeper runs backup commands against a world.
type keeper struct {
	t   *testing.T
	s   *sim
	env []string
}

// does runs one that has to end with a status.
func (k *keeper) does(status int, args ...string) result {
	k.t.Helper()
	r := run(k.t, k.env, program, k.s.args(append([]string{"backup"}, args...)...)...)
	if r.status != status {
		k.t.Fatalf("backup %v: status %d, want %d\n%s%s", args, r.status, status, r.stdout, r.stderr)
	}
	return r
}

// list is what there is, newest first.
func (k *keeper) list(status int) []report.Backup {
	k.t.Helper()
	var l struct {
		Store   string          `json:"store"`
		Backups []report.Backup `json:"backups"`
	}
	k.decode(k.does(status, "list", "--format", "json"), &l)
	return l.Backups
}

func (k *keeper) decode(r result, v any) {
	k.t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), v); err != nil {
		k.t.Fatalf("%v:\n%s%s", err, r.stdout, r.stderr)
	}
}

// match is what a pattern finds in a text.
func (k *keeper) match(text, pattern string) string {
	k.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		k.t.Fatalf("nothing is like %s in:\n%s", pattern, text)
	}
	return m[1]
}

// TestBackupsOfAWorld goes through the life of a backup with the commands that people type: real servers behind the tunnel, a
// real store where there is one, and machines of the simulated platform that run this program.
func TestBackupsOfAWorld(t *testing.T) {
	t.Parallel()
	k := &keeper{t: t, s: startSim(t, "--scenario", "calm", "--database", "on", "--plays", "20000"), env: sandbox(t)}
	until(t, 30*time.Second, "the database to be found", func() bool { // machines of a new world are on their way up
		return run(t, k.env, program, k.s.args("backup", "list")...).status == statusBadNews
	})
	if r := k.does(statusBadNews, "list"); !strings.Contains(r.stdout, "there is no backup") {
		t.Errorf("an empty store:\n%s", r.stdout)
	}
	if r := k.does(statusUsage, "run"); !strings.Contains(r.stderr, "--yes") {
		t.Errorf("without a terminal and without --yes: %s", r.stderr)
	}

	// Taken and proven.
	k.does(0, "run", "--yes")
	bb := k.list(0)
	if len(bb) != 1 || bb[0].Level == nil || *bb[0].Level != backup.Decoded || !bb[0].Encrypted || bb[0].Tables == 0 || bb[0].Reason != backup.Manual || bb[0].Keep == nil || !*bb[0].Keep {
		t.Fatalf("the list has %+v", bb)
	}
	first := bb[0].ID
	var v backup.Verification
	k.decode(k.does(0, "verify", string(first)[20:], "--level", "restored", "--format", "json"), &v)
	if !v.OK || v.Level != backup.Restored || v.ID != first || len(v.Asserted) == 0 {
		t.Errorf("the proof is %+v", v)
	}
	if bb = k.list(0); bb[0].Level == nil || *bb[0].Level != backup.Restored {
		t.Errorf("proven to %v", bb[0].Level)
	}

	// Got back, put in place, and taken back again. Nothing of it by mistake.
	plan := k.does(0, "restore", "latest", "--dry-run").stdout
	if !strings.Contains(plan, string(first)) || !strings.Contains(plan, "ago") {
		t.Errorf("the plan:\n%s", plan)
	}
	restored := k.match(k.does(0, "restore", "latest verified", "--yes").stdout, `(changelog_restore_\w+) holds backup`)
	for _, args := range [][]string{{"swap", restored}, {"swap", restored, "--confirm", "chnagelog"}} {
		k.does(statusUsage, args...)
	}
	aside := k.match(k.does(0, "swap", restored, "--confirm", "changelog").stdout, `swap --undo (changelog_before_\w+)`)
	k.does(statusUnknown, "swap", restored, "--confirm", "changelog") // it has another name now
	k.does(0, "swap", "--undo", aside, "--confirm", "changelog")

	// By machines of the platform: by schedule, and once.
	machine := k.match(k.does(0, "schedule", "machine", "daily", "--yes").stdout, `machine (\w+) in`)
	until(t, time.Minute, "the machine's backup", func() bool { return len(k.list(0)) == 2 })
	until(t, time.Minute, "the machine to come up again", func() bool { // it proves its backup still
		return run(t, k.env, program, "sim", "--dir", k.s.dir, "fire", machine).status == 0
	})
	until(t, time.Minute, "another one of its", func() bool { return len(k.list(0)) == 3 })
	if bb = k.list(0); bb[0].Reason != backup.Scheduled || bb[0].Remote != machine {
		t.Errorf("the newest is %+v, want one by schedule of machine %s", bb[0], machine)
	}
	until(t, time.Minute, "the machine to have gone down", func() bool {
		return run(t, k.env, program, k.s.args("backup", "schedule", "remove", machine, "--yes")...).status == 0
	})
	if r := k.does(0, "schedule", "list"); !strings.Contains(r.stdout, "No machine takes backups") {
		t.Errorf("after its removal:\n%s", r.stdout)
	}
	if r := k.does(0, "run", "--remote", "--yes"); !strings.Contains(r.stdout, "taken in") || !strings.Contains(r.stderr, "machine ") {
		t.Errorf("on a machine: %s%s", r.stdout, r.stderr)
	}
	if bb = k.list(0); len(bb) != 4 || bb[0].Remote == "" || bb[0].Remote == machine || bb[0].Reason != backup.Manual {
		t.Errorf("the newest is %+v", bb[0])
	}

	// What may go, and what may not.
	k.does(0, "pin", string(bb[1].ID), "--why", "the audit")
	dry := func() (going, pinned int) {
		t.Helper()
		var p struct {
			DryRun  bool              `json:"dry_run"`
			Backups []retain.Decision `json:"backups"`
		}
		k.decode(k.does(0, "prune", "--dry-run", "--keep", "last 1, min 1, at-most 100%", "--format", "json"), &p)
		if len(p.Backups) != 4 || !p.DryRun {
			t.Fatalf("got %+v", p)
		}
		for _, d := range p.Backups {
			switch {
			case len(d.Reasons) == 0:
				t.Errorf("%s: no reason is given", d.ID)
			case !d.Keep:
				going++
			case strings.HasPrefix(d.Reasons[0], "pinned: the audit"):
				pinned++
			}
		}
		return going, pinned
	}
	// The newest stays, the one that was restored, and the pinned one.
	if going, pinned := dry(); going != 1 || pinned != 1 {
		t.Errorf("%d go and %d are pinned", going, pinned)
	}
	k.does(0, "unpin", string(bb[1].ID))
	if going, pinned := dry(); going != 2 || pinned != 0 {
		t.Errorf("without the pin %d go and %d are pinned", going, pinned)
	}
	k.does(statusUsage, "prune", "--keep", "last 1, min 1, at-most 100%")
	k.does(0, "prune", "--keep", "last 1, min 1, at-most 100%", "--yes")
	if bb = k.list(0); len(bb) != 2 || bb[1].ID != first {
		t.Errorf("left are %+v", bb)
	}
}
