package platform_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

// talking is a world whose clock is moved by hand, and what its log says, by provider.
func talking(t *testing.T, o platform.Options) (w *platform.World, pass func(time.Duration), said func(provider string) []string) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	w = platform.NewWorld(o)
	t.Cleanup(func() { w.Close() })
	var all []platform.Logged
	w.TapLogs(func(l platform.Logged) { all = append(all, l) })
	pass = func(d time.Duration) { now = now.Add(d); w.Tick() }
	said = func(provider string) []string {
		var out []string
		for _, l := range all {
			if l.Provider == provider {
				out = append(out, l.Message)
			}
		}
		return out
	}
	return w, pass, said
}

// tells fails where none of some lines has a text in it.
func tells(t *testing.T, lines []string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) }) {
			t.Errorf("nothing says %q:\n%s", text, strings.Join(lines, "\n"))
		}
	}
}

func TestAMachineSaysWhatHappensToIt(t *testing.T) {
	w, pass, said := talking(t, platform.Options{})
	id, err := w.AddMachine(platform.MachineSpec{Region: "ord", State: fly.StateStopped, Port: 4000})
	if err != nil {
		t.Fatal(err)
	}
	fault := func(name string, args ...string) {
		t.Helper()
		if err := w.SetFault(platform.Fault{Name: name, Target: id, Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	clear := func(name string) {
		t.Helper()
		if err := w.ClearFault(name); err != nil {
			t.Fatal(err)
		}
	}
	fault("stopped")
	clear("stopped") // starts it
	pass(10 * time.Second)
	tells(t, said("runner"), "Pulling container image registry.fly.io/", "Successfully prepared image")
	tells(t, said("app"), "Machine started", "[info] Running ChangelogWeb.Endpoint", ":::4000")
	tells(t, said("health"), "is now passing")

	fault("health", "503")
	pass(10 * time.Second)
	tells(t, said("health"), "has failed")
	clear("health")

	fault("crash-loop", "exit=70", "up=1s", "wait=1s")
	pass(10 * time.Second)
	tells(t, said("app"), "** (RuntimeError)", "    (changelog 1.0.0) lib/changelog/cache.ex:41", "exited with code: 70")
	tells(t, said("proxy"), "instance refused connection")
	clear("crash-loop")

	fault("oom", "up=1s", "wait=1s")
	pass(10 * time.Second)
	tells(t, said("runner"), "OOM killed")
	clear("oom")

	pass(10 * time.Second)
	fault("stopped")
	pass(10 * time.Second)
	tells(t, said("runner"), "Machine stopping")
	tells(t, said("app"), "SIGTERM received")
}

func TestAFloodEndsWithItsFault(t *testing.T) {
	w, pass, said := talking(t, platform.Options{})
	if _, err := w.AddMachine(platform.MachineSpec{Region: "ord"}); err != nil {
		t.Fatal(err)
	}
	if err := w.SetFault(platform.Fault{Name: "log-flood", Target: "all", Args: []string{"lines=100"}}); err != nil {
		t.Fatal(err)
	}
	pass(10 * time.Second)
	if n := len(said("app")); n < 950 || n > 1050 {
		t.Errorf("%d lines in ten seconds, want about 1,000", n)
	}
	if err := w.ClearFault("log-flood"); err != nil {
		t.Fatal(err)
	}
	before := len(said("app"))
	pass(10 * time.Second)
	if n := len(said("app")) - before; n != 0 {
		t.Errorf("%d lines after it", n)
	}
}

func TestALiveLineHasThePlatformsForm(t *testing.T) {
	l := platform.Logged{
		At: time.Date(2026, 1, 2, 3, 0, 0, 5, time.UTC), App: "changelog", Instance: "148e", Region: "ord", Host: "h", Level: "error", Provider: "proxy", Message: "x",
		Proxied: &platform.Proxied{ID: "R", Method: "GET", URL: "https://changelog.example/", Status: 502, Code: 1, Error: "e"},
	}
	b, err := json.Marshal(l.Live())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"error":{"code":1,"message":"e"},"event":{"provider":"proxy"},"fly":{"app":{"instance":"148e","name":"changelog"},"region":"ord"},` +
		`"host":"h","http":{"request":{"id":"R","method":"GET","version":"2"},"response":{"status_code":502}},"log":{"level":"error"},"message":"x",` +
		`"timestamp":"2026-01-02T03:00:00.000000005Z","url":{"full":"https://changelog.example/"}}`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}

func TestTokensOfTheStream(t *testing.T) {
	w, _, _ := talking(t, platform.Options{Token: "fo1_right"})
	for token, want := range map[string]bool{"fo1_right": true, "fo1_wrong": false, "": false, "fm2_other,fo1_right": true} {
		if got := w.Accepts(token); got != want {
			t.Errorf("%q: %t, want %t", token, got, want)
		}
	}
	if err := w.SetFault(platform.Fault{Name: "unauthorized"}); err != nil {
		t.Fatal(err)
	}
	if w.Accepts("fo1_right") {
		t.Error("it is accepted while no token is")
	}
}
