package tui_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup"
	"ops-console/ops/session"
	"ops-console/tui"
	"ops-console/tui/backups"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

var _ tui.Backups = (*session.BackupWatch)(nil)

// keeping is a console that shows backups.
func keeping(t *testing.T, o tuitest.Store, change func(*tui.Options)) *console {
	t.Helper()
	c := connected(t, tuitest.Snapshot(8, tuitest.Options{}), func(o *tui.Options) {
		o.Panes, o.Open = append(o.Panes, backups.New("changelog")), "backups"
		if change != nil {
			change(o)
		}
	})
	c.sess.PublishBackups(tuitest.BackupsFeed(1, tuitest.Backups(o)))
	c.press("ctrl+r")
	c.until("the backups", func() bool { return c.sess.Backups() != nil && contains(c, "changelog_prod") })
	return c
}

func contains(c *console, s string) bool { return strings.Contains(c.text(), s) }

// asked waits for what the session was asked.
func asked(c *console, want ...pane.BackupMsg) {
	c.t.Helper()
	c.until("it is asked for", func() bool { return len(c.sess.Kept()) >= len(want) })
	if d := cmp.Diff(want, c.sess.Kept()); d != "" {
		c.t.Error(d)
	}
}

func TestABackupIsTakenOnlyByAnArmedConsole(t *testing.T) {
	c := keeping(t, tuitest.Store{}, nil)
	c.press("B")
	c.has("A arms for 5 minutes")
	c.press("esc", "A", "B")
	c.has("Take a backup of changelog_prod now")
	c.has("ops-console --app changelog backup run")
	c.press("esc")
	c.hasNot("Take a backup of")
	c.press("B", "y")
	asked(c, pane.BackupMsg{Do: pane.BackupTake})
}

func TestWhatProvesABackupNeedsNoArming(t *testing.T) {
	c := keeping(t, tuitest.Store{}, nil)
	id := tuitest.Backups(tuitest.Store{}).Listing.Records[0].Manifest.ID
	c.press("v")
	asked(c, pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: backup.Counted})
	c.press("V")
	asked(c, pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: backup.Counted}, pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: backup.Restored})
}

func TestPruneAndSwapWantTheApplicationTyped(t *testing.T) {
	o := tuitest.Store{Job: "restored"}
	s := tuitest.Backups(o)
	var goes []backup.ID
	for _, d := range s.Retention {
		if !d.Keep {
			goes = append(goes, d.ID)
		}
	}
	c := keeping(t, o, nil)
	c.press("A", "P")
	c.has("Remove 4 backups, 1.8 GB; 8 stay.")
	c.has("there is none") // of an undo
	c.has("no rule keeps it")
	c.press("enter")
	c.typeText("changelog prod")
	c.press("enter")
	want := []pane.BackupMsg{{Do: pane.BackupPrune, IDs: goes}}
	asked(c, want...)
	c.press("S")
	c.has("Put changelog_prod_restore_20260304140700 in the place of changelog_prod on fra-1.")
	c.has("backup swap --undo")
	c.has("is ended; the application connects anew")
	c.typeText("changelog prod")
	c.press("enter")
	asked(c, append(want, pane.BackupMsg{Do: pane.BackupSwap, Text: s.Restored.Database})...)
}

func TestAPinIsAskedForItsReason(t *testing.T) {
	c := keeping(t, tuitest.Store{}, nil)
	c.press("p")
	c.until("it is refused", func() bool { return contains(c, "A arms for 5 minutes") })
	c.press("esc", "A", "p")
	c.until("the question", func() bool { return contains(c, "Pin the backup of 2026-03-04 10:55Z") })
	c.press("enter") // without a reason nothing happens
	c.typeText("audit")
	c.press("enter", "y")
	asked(c, pane.BackupMsg{Do: pane.BackupPin, ID: tuitest.Backups(tuitest.Store{}).Listing.Records[0].Manifest.ID, Text: "audit"})
	c.until("it is said", func() bool { return contains(c, "pinned ") })
}

func TestAReadOnlyConsoleChangesNoBackup(t *testing.T) {
	c := keeping(t, tuitest.Store{}, func(o *tui.Options) { o.ReadOnly = true })
	for _, k := range []string{"B", "R", "P"} {
		c.press("A", k)
		c.has("--read-only")
		c.press("esc")
	}
	c.send(pane.BackupMsg{Do: pane.BackupTake}) // also where a pane asked without being asked
	if got := c.sess.Kept(); len(got) > 0 {
		t.Errorf("asked %+v", got)
	}
}

func TestARefusalOfTheBackupsIsSaid(t *testing.T) {
	c := keeping(t, tuitest.Store{}, nil)
	c.sess.RefuseBackups(errors.New("another job is still running"))
	c.press("v")
	c.until("the refusal", func() bool { return contains(c, "another job is still running") })
}

func TestAJobIsNotLeftWithoutAsking(t *testing.T) {
	c := keeping(t, tuitest.Store{Job: "dump"}, nil)
	c.press("x")
	asked(c, pane.BackupMsg{Do: pane.BackupCancel})
	for key, name := range map[string]string{"q": "QUIT", "ctrl+r": "RECONNECT"} {
		c.press(key)
		c.has(name)
		c.has("The job that runs in it comes to an end")
		c.press("esc")
		c.hasNot(name)
	}
	c.press("q", "y")
	c.until("it ends", func() bool {
		for _, m := range c.all {
			if _, ok := m.(tea.QuitMsg); ok {
				return true
			}
		}
		return false
	})
}

func TestAStaleBackupIsAnAlertOnEveryPane(t *testing.T) {
	c := keeping(t, tuitest.Store{Overdue: true}, nil)
	c.press("2")
	c.has("the newest backup is far too old")
	c.sess.PublishBackups(tuitest.BackupsFeed(2, tuitest.Backups(tuitest.Store{})))
	c.until("it is over", func() bool { return !contains(c, "far too old") })
}

func TestTheEndOfAJobIsSaidOnOtherPanes(t *testing.T) {
	c := keeping(t, tuitest.Store{Job: "dump"}, nil)
	c.press("1")
	c.later(time.Second)
	c.sess.PublishBackups(tuitest.BackupsFeed(2, tuitest.Backups(tuitest.Store{Job: "failed"})))
	c.until("it is said", func() bool { return contains(c, "take a backup: pg_dump of fra-1") })
}
