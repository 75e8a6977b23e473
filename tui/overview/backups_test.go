package overview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func keeping(p *Pane, seq uint64, o tuitest.Store) *Pane {
	p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(seq, tuitest.Backups(o))})
	return p
}

func TestWithoutAStoreNothingIsSaidOfBackups(t *testing.T) {
	p := with(tuitest.Snapshot(24, tuitest.Options{}))
	before := shown(t, p, 120, 36)
	p.Update(pane.BackupsMsg{})
	if d := cmp.Diff(before, shown(t, p, 120, 36)); d != "" || strings.Contains(before, "BACKUPS") {
		t.Error(d)
	}
	if out := shown(t, keeping(p, 1, tuitest.Store{}), 120, 36); !strings.Contains(out, "● Newest 3h 11m old, counted 2h 52m ago.") {
		t.Error(out)
	}
	p.Update(pane.BackupsMsg{})
	if d := cmp.Diff(before, shown(t, p, 120, 36)); d != "" {
		t.Errorf("and again without: %s", d)
	}
}

func TestAStaleOrBrokenNewestBackupNeedsAttention(t *testing.T) {
	for name, c := range map[string]struct {
		o        tuitest.Store
		severity ops.Severity
		title    string
		line     string
	}{
		"stale":  {tuitest.Store{Overdue: true}, ops.Critical, "the newest backup is far too old", "■ Newest 4d old"},
		"broken": {tuitest.Store{Broken: true}, ops.Critical, "the newest backup did not pass its check", "■ Newest 3h 11m old, BROKEN."},
		"none":   {tuitest.Store{None: true}, ops.Critical, "there is no backup", "There is none."},
		"failed": {tuitest.Store{Failed: true}, ops.Warning, "the newest backup run failed", "▲ Newest 3h 11m old"},
	} {
		t.Run(name, func(t *testing.T) {
			p := keeping(with(tuitest.Snapshot(24, tuitest.Options{})), 1, c.o)
			if len(p.problems) == 0 || p.Badge() == 0 {
				t.Fatalf("nothing needs attention: %+v", p.problems)
			}
			e := p.problems[0]
			if e.severity != c.severity || e.title != c.title || e.subject != "backups" || e.address != "backups" {
				t.Errorf("got %+v", e)
			}
			if out := shown(t, p, 120, 36); !strings.Contains(out, c.title) || !strings.Contains(out, c.line) {
				t.Errorf("want %q in\n%s", c.line, out)
			}
			if got := press(t, p, "enter"); len(got) != 1 || got[0] != "backups" {
				t.Errorf("enter opens %q", got)
			}
			keeping(p, 2, tuitest.Store{})
			if p.Badge() != 0 {
				t.Error("it is left of what is mended")
			}
			keeping(p, 1, c.o)
			if p.Badge() != 0 {
				t.Error("an older reading took its place")
			}
		})
	}
}

func TestABackupThatIsTakenIsSeenOnTheOverview(t *testing.T) {
	p := keeping(with(tuitest.Snapshot(24, tuitest.Options{Incident: true})), 1, tuitest.Store{Job: "dump"})
	if out := shown(t, p, 80, 20); !strings.Contains(out, "take a backup  dumping") || !strings.Contains(out, "43 %") {
		t.Error(out)
	}
}
