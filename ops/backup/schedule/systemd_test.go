package schedule

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func nightly(t *testing.T) Timer {
	t.Helper()
	w, err := ParseWhen("at 03:30", zoneNamed(t, "Europe/Paris"))
	if err != nil {
		t.Fatal(err)
	}
	return Timer{
		Name: "ops-console-backup-changelog", About: "Backup of changelog at 100 % care", When: w, Jitter: 5 * time.Minute, Cautious: true,
		Command: []string{"/usr/local/bin/ops-console", "backup", "run", "--app", "changelog", "--reason", `it's "due" at 5 $ or 10 %`},
		EnvFile: "%h/.config/ops-console/changelog.env",
	}
}

func TestUnits(t *testing.T) {
	units, err := nightly(t).Units()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, u := range units {
		fmt.Fprintf(&got, "== %s\n%s", u.Name, u.Text)
	}
	golden := filepath.Join("testdata", "units.txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
}

func TestUnitsThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*Timer){
		"characters":       func(t *Timer) { t.Name = "../../etc/x" },
		"whole path":       func(t *Timer) { t.Command[0] = "ops-console" },
		"file with the se": func(t *Timer) { t.EnvFile = "secrets" },
		"not said when":    func(t *Timer) { t.When = When{} },
		"line break":       func(t *Timer) { t.About = "x\nExecStart=/bin/sh" },
		"like a secret":    func(t *Timer) { t.Command = append(t.Command, "--store", "s3://key:hunter2@bucket") },
		"--s3-secret":      func(t *Timer) { t.Command = append(t.Command, "--s3-secret=hunter2") },
		"--token":          func(t *Timer) { t.Command = append(t.Command, "--token", "fo1_hunter2") },
		"argument 8":       func(t *Timer) { t.Command = append(t.Command, "password=hunter2") },
	} {
		tm := nightly(t)
		change(&tm)
		if _, err := tm.Units(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", want, err)
		}
		if _, err := tm.Install(t.TempDir()); err == nil {
			t.Errorf("%q was installed", want)
		}
	}
	tm := nightly(t)
	tm.Command = append(tm.Command, "--identity", "/home/op/key.txt", "--token-file=~/.token")
	if _, err := tm.Units(); err != nil {
		t.Errorf("files with secrets may be named: %v", err)
	}
}

func TestInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "systemd", "user")
	tm := nightly(t)
	for range 2 {
		if next, err := tm.Install(dir); err != nil || !slices.Contains(next, "systemctl --user enable --now ops-console-backup-changelog.timer") {
			t.Fatal(next, err)
		}
	}
	units, err := tm.Units()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if b, err := os.ReadFile(filepath.Join(dir, u.Name)); err != nil || string(b) != u.Text {
			t.Errorf("%s: %q, %v", u.Name, b, err)
		}
	}
	for range 2 {
		if _, err := tm.Uninstall(dir); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	for _, tc := range []struct{ home, config, want string }{
		{"/home/op", "", "/home/op/.config/systemd/user"}, {"/home/op", "/c", "/c/systemd/user"}, {"", "", ""},
	} {
		got, err := UserUnits(func(k string) string { return map[string]string{"HOME": tc.home, "XDG_CONFIG_HOME": tc.config}[k] })
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%+v: %q, %v", tc, got, err)
		}
	}
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: apt install systemd")
	}
	c := exec.CommandContext(t.Context(), path, args...)
	c.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "XDG_RUNTIME_DIR=" + t.TempDir()}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// What systemd makes of our times is what we make of them.
func TestSystemdUnderstandsTheSame(t *testing.T) {
	base := time.Date(2026, 2, 10, 11, 12, 0, 0, time.UTC)
	for _, tc := range []struct{ when, zone string }{
		{"hourly", "UTC"},
		{"daily", "Europe/Paris"},
		{"weekly", "UTC"},
		{"monthly", "America/New_York"},
		{"every 20m", "UTC"},
		{"every 6h", "Asia/Kathmandu"},
		{"at 03:30, 15:30", "UTC"},
		{"5,10 1 * jan-mar,dec 7", "UTC"},
		{"0 4 */10 * 1-5/2", "UTC"},
		{"0 4 13 * fri", "UTC"},
		{"0 0 29 2 *", "UTC"},
	} {
		w, err := ParseWhen(tc.when, zoneNamed(t, tc.zone))
		if err != nil {
			t.Fatal(err)
		}
		var theirs []time.Time
		for _, expr := range w.calendar() {
			out := analyze(t, "calendar", "--base-time="+base.Format("2006-01-02 15:04:05 UTC"), "--iterations=6", expr)
			for line := range strings.Lines(out) {
				for _, label := range []string{"(in UTC): ", "Next elapse: ", "Iter. #"} {
					_, rest, ok := strings.Cut(strings.TrimSpace(line), label)
					if label == "Iter. #" {
						_, rest, _ = strings.Cut(rest, ": ")
					}
					if at, err := time.Parse("Mon 2006-01-02 15:04:05 MST", strings.TrimSpace(rest)); ok && err == nil {
						theirs = append(theirs, at.UTC())
						break
					}
				}
			}
		}
		slices.SortFunc(theirs, time.Time.Compare)
		theirs = slices.Compact(theirs)
		if len(theirs) < 3 {
			t.Fatalf("%s: nothing read: %v", tc.when, theirs)
		}
		at := base
		for _, want := range theirs[:3] {
			at = w.Next(at)
			if !at.Equal(want) {
				t.Errorf("%s in %s as %q: ours %s, systemd's %s", tc.when, tc.zone, w.calendar(), at.UTC(), want)
			}
		}
	}
}

// Systemd finds nothing to say about the units.
func TestSystemdTakesTheUnits(t *testing.T) {
	dir := t.TempDir()
	tm := nightly(t)
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	tm.Command[0] = program
	if _, err := tm.Install(dir); err != nil {
		t.Fatal(err)
	}
	out := analyze(t, "verify", "--user", "--man=no", "--generators=no", filepath.Join(dir, tm.Name+".timer"), filepath.Join(dir, tm.Name+".service"))
	if strings.Contains(out, tm.Name) {
		t.Errorf("systemd says:\n%s", out)
	}
}
