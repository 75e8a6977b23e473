package backups

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func text(lines []string) string { return ansi.Strip(strings.Join(lines, "\n")) }

func named(t *testing.T, p *Pane, name string) action.Action {
	t.Helper()
	a, ok := action.Named(p.Actions(), name)
	if !ok {
		t.Fatalf("there is no action called %q", name)
	}
	return a
}

// TestWhatIsAskedOfTheConsole goes through the keys with what each may do to the world, and what it is as a command.
func TestWhatIsAskedOfTheConsole(t *testing.T) {
	p := with(tuitest.Store{Job: "restored"})
	p.table.Move(1)
	id := p.all[1].Manifest.ID
	var goes []backup.ID
	for i := range p.all {
		if p.all[i].goes() {
			goes = append(goes, p.all[i].Manifest.ID)
		}
	}
	if len(goes) != 4 {
		t.Fatalf("%d go, the sample has 4", len(goes))
	}
	made := "changelog_prod_restore_20260304140700"
	for key, want := range map[string]struct {
		danger  action.Danger
		command string
		msg     pane.BackupMsg
	}{
		"B": {action.Changes, "backup run", pane.BackupMsg{Do: pane.BackupTake}},
		"v": {action.Looks, "backup verify " + string(id) + " --level counted", pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: backup.Counted}},
		"V": {action.Looks, "backup verify " + string(id) + " --level restored", pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: backup.Restored}},
		"R": {action.Changes, "backup restore " + string(id), pane.BackupMsg{Do: pane.BackupRestore, ID: id}},
		"S": {action.Destroys, "backup swap " + made, pane.BackupMsg{Do: pane.BackupSwap, Text: made}},
		"P": {action.Destroys, "backup prune", pane.BackupMsg{Do: pane.BackupPrune, IDs: goes}},
	} {
		a, ok := action.Find(p.Actions(), key)
		if !ok || a.Disabled != "" {
			t.Errorf("%s: %v %q", key, ok, a.Disabled)
			continue
		}
		if a.Danger != want.danger || a.Command != "ops-console --app changelog "+want.command {
			t.Errorf("%s: danger %d, command %q", key, a.Danger, a.Command)
		}
		if d := cmp.Diff(want.msg, a.Run("")()); d != "" {
			t.Errorf("%s: %s", key, d)
		}
	}
}

func TestAPinIsGivenAReasonAndTakenAway(t *testing.T) {
	p := with(tuitest.Store{})
	ask, ok := press(t, p, "p").(pane.AskMsg)
	if !ok || ask.Action.Danger != action.Changes || ask.Optional {
		t.Fatalf("asked %+v", ask)
	}
	want := pane.BackupMsg{Do: pane.BackupPin, ID: p.all[0].Manifest.ID, Text: "audit"}
	if d := cmp.Diff(want, ask.Action.Run("audit")()); d != "" {
		t.Error(d)
	}
	if c, ok := named(t, p, "pin").Run("audit")().(pane.ConfirmMsg); !ok || c.Arg != "audit" || c.Action.Danger != action.Changes {
		t.Error("with the reason on the command line nothing is confirmed")
	}
	if a := named(t, p, "unpin"); a.Disabled == "" {
		t.Error("what is not pinned can be unpinned")
	}
	p.table.Select(string(p.all[9].Manifest.ID))
	if a := named(t, p, "pin"); !strings.Contains(a.Disabled, "the books of the second quarter") {
		t.Errorf("a second pin: %q", a.Disabled)
	}
	if d := cmp.Diff(pane.BackupMsg{Do: pane.BackupPin, ID: p.all[9].Manifest.ID}, press(t, p, "u")); d != "" {
		t.Error(d)
	}
}

func TestWhatGoesIsListedBeforeItGoes(t *testing.T) {
	a := named(t, with(tuitest.Store{}), "prune")
	if len(a.Touches) != 4 || !strings.Contains(a.Touches[0].What, "2026-03-03 07:41Z, 471 MB") || a.Plan != "Remove 4 backups, 1.8 GB; 8 stay." {
		t.Errorf("%s %+v", a.Plan, a.Touches)
	}
	for name, c := range map[string]struct {
		o    tuitest.Store
		want string
	}{
		"nothing goes": {tuitest.Store{Count: 2}, "nothing goes: “hourly 6, daily 4, weekly 2, last 3, predeploy 1"},
		"frozen":       {tuitest.Store{Failed: true}, "nothing goes: the newest run, of 2026-03-04 13:42:32Z, failed"},
		"no policy":    {tuitest.Store{Plain: true}, `retention: "hourly many": a number is wanted`},
		"a job runs":   {tuitest.Store{Job: "dump"}, "take a backup still runs"},
	} {
		if a := named(t, with(c.o), "prune"); !strings.HasPrefix(a.Disabled, c.want) {
			t.Errorf("%s: %q", name, a.Disabled)
		}
	}
}

func TestWhileAJobRunsItCanOnlyBeCancelled(t *testing.T) {
	p := with(tuitest.Store{Job: "verify"})
	for _, name := range []string{"take", "verify", "verify restored", "restore", "swap", "prune"} {
		if a := named(t, p, name); !strings.Contains(a.Disabled, "still runs") {
			t.Errorf("%s: %q", name, a.Disabled)
		}
	}
	if d := cmp.Diff(pane.BackupMsg{Do: pane.BackupCancel}, press(t, p, "x")); d != "" {
		t.Error(d)
	}
	if a := named(t, with(tuitest.Store{}), "cancel"); a.Disabled == "" {
		t.Error("there is nothing to cancel")
	}
}

func TestASwapNeedsSomethingThatWasRestored(t *testing.T) {
	if a := named(t, with(tuitest.Store{}), "swap"); !strings.Contains(a.Disabled, "ops-console --app changelog backup swap NAME") {
		t.Errorf("%q", a.Disabled)
	}
	a := named(t, with(tuitest.Store{Job: "restored"}), "swap")
	if a.Disabled != "" || a.Undo == "" || len(a.Touches) != 4 {
		t.Errorf("%+v", a)
	}
}

func TestARestoreWarnsOfWhatIsNotProven(t *testing.T) {
	p := with(tuitest.Store{Broken: true})
	warned := func() (out []string) {
		for _, x := range named(t, p, "restore").Touches {
			if x.Warn {
				out = append(out, x.What)
			}
		}
		return out
	}
	busy := "disk and processor of the primary"
	if d := cmp.Diff([]string{busy, "this backup is BROKEN"}, warned()); d != "" {
		t.Error(d)
	}
	p.table.Select(string(p.all[5].Manifest.ID))
	if d := cmp.Diff([]string{busy, "nobody has read this backup back"}, warned()); d != "" {
		t.Error(d)
	}
	p.table.Select(string(p.all[1].Manifest.ID))
	if d := cmp.Diff([]string{busy}, warned()); d != "" {
		t.Error(d)
	}
}

func TestWithoutAStoreItSaysWhatToSet(t *testing.T) {
	p := New("changelog")
	p.Update(pane.BackupsMsg{})
	if out := text(p.View(env(t), 80, 20)); !strings.Contains(out, `store = "s3://`) || !strings.Contains(out, "recipients") {
		t.Error(out)
	}
	for _, name := range []string{"take", "verify", "restore", "swap", "prune", "pin", "open"} {
		if a := named(t, p, name); a.Disabled != "no store is configured" {
			t.Errorf("%s: %q", name, a.Disabled)
		}
	}
}

func TestTheEndOfAJobIsSaidOnce(t *testing.T) {
	p := with(tuitest.Store{Job: "dump"})
	done := func(seq uint64) tea.Cmd {
		return p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(seq, tuitest.Backups(tuitest.Store{Job: "failed"}))})
	}
	cmd := done(2)
	if cmd == nil {
		t.Fatal("nothing is said")
	}
	if m, ok := cmd().(pane.ToastMsg); !ok || m.Err == nil || !strings.HasPrefix(m.Err.Error(), "take a backup: pg_dump of fra-1") {
		t.Errorf("said %+v", m)
	}
	if done(3) != nil {
		t.Error("it is said twice")
	}
	p = with(tuitest.Store{Job: "stopping"})
	cmd = p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(2, tuitest.Backups(tuitest.Store{Job: "cancelled"}))})
	if m, ok := cmd().(pane.ToastMsg); !ok || m.Err != nil || m.Text != "take a backup: cancelled" {
		t.Errorf("of one that was cancelled it says %+v", m)
	}
}

func TestAnOutcomeIsForgottenAndAFailureIsNot(t *testing.T) {
	shows := func(job string, later time.Duration) bool {
		e := env(t)
		e.Now = e.Now.Add(later)
		return strings.Contains(text(with(tuitest.Store{Job: job}).View(e, 120, 36)), "LAST JOB")
	}
	if !shows("pruned", 0) || shows("pruned", time.Hour) || !shows("failed", time.Hour) || !shows("restored", time.Hour) {
		t.Error("what went well is news for a while, what did not until the next")
	}
}

func TestATableIsNotDoneBeforeItIs(t *testing.T) {
	p := with(tuitest.Store{})
	s := tuitest.Backups(tuitest.Store{Job: "dump"})
	s.Job.Tables[1].Done = 9 * s.Job.Tables[1].Total // far more than was expected
	p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(2, s)})
	for _, l := range strings.Split(text(p.View(env(t), 120, 36)), "\n") {
		if strings.Contains(l, "public.events") && (!strings.Contains(l, "▋") && !strings.Contains(l, "▊") && !strings.Contains(l, "▌") || strings.Contains(l, "✓")) {
			t.Errorf("%q", l)
		}
	}
}

func TestAddressesLeadBack(t *testing.T) {
	p := with(tuitest.Store{})
	id := string(p.all[3].Manifest.ID)
	for _, a := range []string{"backups", "backups?show=going", "backups?id=" + id, "backups?show=pinned"} {
		p.Update(pane.OpenMsg{Address: a})
		if got := p.Address(); got != a {
			t.Errorf("%s became %s", a, got)
		}
	}
	p.Update(pane.OpenMsg{Address: "backups?id=" + id})
	if !p.Back() || p.Back() {
		t.Error("the detail is not one level")
	}
	p.Update(pane.OpenMsg{Address: "backups?show=pinned"})
	if !p.Back() || len(p.rows) != len(p.all) {
		t.Error("esc does not show all again")
	}
	q := New("changelog")
	q.Update(pane.OpenMsg{Address: "backups?id=" + id}) // before anything was read
	q.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(1, tuitest.Backups(tuitest.Store{}))})
	if !q.open || q.Address() != "backups?id="+id {
		t.Errorf("what was opened early is at %s", q.Address())
	}
}

func TestWhatIsShownCanBeNarrowed(t *testing.T) {
	p := with(tuitest.Store{})
	var seen []int
	for range 5 {
		press(t, p, "f")
		seen = append(seen, len(p.rows))
	}
	if d := cmp.Diff([]int{4, 8, 1, 2, 12}, seen); d != "" {
		t.Error(d)
	}
	if m, ok := named(t, p, "show").Run("nothing")().(pane.ToastMsg); !ok || m.Err == nil {
		t.Error("a choice that is none is taken")
	}
	if n, total := p.Filter("before deploy"); n != 1 || total != 12 {
		t.Errorf("%d of %d", n, total)
	}
}

func TestOldReadingsAreDropped(t *testing.T) {
	p := with(tuitest.Store{})
	newer := tuitest.Backups(tuitest.Store{Broken: true})
	p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(7, newer)})
	p.Update(pane.BackupsMsg{Known: true, Snapshot: tuitest.BackupsFeed(6, tuitest.Backups(tuitest.Store{}))})
	if p.feed.Value != newer || p.Badge() == 0 {
		t.Error("an older one took its place")
	}
	p.Update(pane.BackupsMsg{})
	if n, total := p.Filter(""); n+total != 0 || p.Badge() != 0 {
		t.Error("something is left of a store that is not configured any more")
	}
}

// TestLinesByHandAreForAShell has a shell take them apart again, whatever the names are.
func TestLinesByHandAreForAShell(t *testing.T) {
	p := with(tuitest.Store{})
	r := p.all[0]
	r.Manifest.Database = `it's; rm -rf "$HOME" #`
	got := map[string]string{}
	for _, s := range steps("s3://bucket/a b?endpoint=https%3A%2F%2Fs3.example.com", &r) {
		got[s.what] = s.line
	}
	if want := `createdb --template=template0 --encoding=UTF8 'it'\''s; rm -rf "$HOME" #_restored'`; got["make a database beside the original"] != want {
		t.Errorf("%s", got["make a database beside the original"])
	}
	if s := got["restore into it"]; !strings.HasPrefix(s, "set -o pipefail; age -d -i key.txt dump.pgc.zst.age | zstd -d | pg_restore ") {
		t.Error(s)
	}
	for what, line := range got {
		out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", strings.TrimPrefix(line, "set -o pipefail; ")).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s\n%s", what, err, out, line)
		}
	}
	if s := fetch("/var/backups/changelog", "a/b"); s != "cd /var/backups/changelog/a/b" {
		t.Error(s)
	}
	if s := fetch("s3://bucket", "a/b"); s != "aws s3 cp --recursive s3://bucket/a/b/ ." {
		t.Error(s)
	}
	copies := map[string]bool{}
	for _, c := range p.Copies() {
		copies[c.What] = true
	}
	if !copies["by hand: all of it"] || !copies["the command that restores it"] {
		t.Errorf("%v", copies)
	}
}

func TestClicks(t *testing.T) {
	p := with(tuitest.Store{})
	lines := strings.Split(text(p.View(env(t), 120, 36)), "\n")
	y := 0
	for i, l := range lines {
		if strings.Contains(l, "deploy v1482") {
			y = i
		}
	}
	click := func() { p.Update(tea.MouseClickMsg{X: 20, Y: y, Button: tea.MouseLeft}) }
	click()
	if _, got := p.Selected(); got != string(p.all[2].Manifest.ID) || p.open {
		t.Errorf("on %s, open %v", got, p.open)
	}
	p.View(env(t), 120, 36)
	click()
	if !p.open {
		t.Error("a second click does not open it")
	}
}
