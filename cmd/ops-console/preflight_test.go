package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/preflight"
)

// preflightOf runs it in a world and gives what each item came to, without those that pass.
func preflightOf(t *testing.T, s *sim, status int, args ...string) map[string]string {
	t.Helper()
	r := run(t, sandbox(t), program, s.args(append([]string{"preflight", "--format", "json"}, args...)...)...)
	var got preflight.Report
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.status != status || r.stderr != "" {
		t.Fatalf("%v: status %d, want %d: %v\n%s%s", args, r.status, status, err, r.stdout, r.stderr)
	}
	if len(got.Items) != len(preflight.Checks()) {
		t.Errorf("%v: %d items of %d", args, len(got.Items), len(preflight.Checks()))
	}
	out := map[string]string{}
	for _, i := range got.Items {
		if i.Result != preflight.Pass {
			out[i.ID] = string(i.Result)
		}
	}
	return out
}

const goodImage = "registry.fly.io/changelog:deployment-42"

// undatabased is what is not known where the world has no database.
func undatabased() map[string]string {
	return map[string]string{
		"fleet.replicas": "unknown", "database.connections": "unknown", "database.lag": "unknown", "database.free": "unknown", "database.region": "unknown",
		"migrations.pending": "unknown", "backup.newest": "unknown", "tools.postgresql": "unknown",
	}
}

func TestPreflightOfAWorld(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--database", "off")
	expect := func(what string, status int, changed map[string]string, args ...string) {
		t.Helper()
		want := undatabased()
		for id, r := range changed {
			want[id] = r
		}
		if diff := cmp.Diff(want, preflightOf(t, s, status, args...)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	expect("all is well", 0, nil, "--image", goodImage, "--fetch")
	nameless := map[string]string{"image.exists": "unknown", "image.platform": "unknown", "image.revision": "unknown", "image.central": "unknown", "source.image": "unknown", "tools.erlang": "unknown"}
	expect("no image", 0, nameless)
	missing := map[string]string{"image.exists": "fail", "image.platform": "unknown", "image.revision": "unknown", "image.central": "unknown", "source.image": "unknown", "tools.erlang": "unknown"}
	expect("an image that is not there", 1, missing, "--image", goodImage+"-missing")
	expect("too many machines", 1, map[string]string{"fleet.limit": "fail"}, "--image", goodImage, "--max-per-region", "3")

	project := filepath.Join(s.dir, "project")
	flyToml := filepath.Join(project, "fly.toml")
	text, err := os.ReadFile(flyToml)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := strings.NewReplacer(`"SIGTERM"`, `"SIGINT"`, "soft_limit = 2000", "soft_limit = 3000").Replace(string(text))
	if err := os.WriteFile(flyToml, []byte(spoilt), 0o644); err != nil {
		t.Fatal(err)
	}
	expect("a spoilt fly.toml", 1, map[string]string{"settings.stop": "warn", "settings.concurrency": "fail", "source.clean": "warn", "source.image": "warn"}, "--image", goodImage)
	if err := os.WriteFile(flyToml, text, 0o644); err != nil {
		t.Fatal(err)
	}
	listed := run(t, sandbox(t), program, "sim", "--dir", s.dir, "machines")
	id := regexp.MustCompile(`\b[0-9a-f]{14}\b`).FindString(listed.stdout)
	s.control(t, "fault", "lease-held", id)
	got := preflightOf(t, s, 1, "--image", goodImage)
	if got["fleet.free"] != "fail" {
		t.Errorf("somebody holds a machine: %v", got)
	}
	s.control(t, "clear")

	r := run(t, sandbox(t), program, s.args("preflight", "--image", goodImage)...)
	for _, want := range []string{"preflight of changelog", "✓ Machines start a release", "? Each region has a replica", "mend  say where the database is", "? 8 unknown"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	r = run(t, sandbox(t), program, s.args("versions", "--image", goodImage, "--format", "json")...)
	var v struct {
		Tools []struct{ Tool, Verdict string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || r.status != 0 || len(v.Tools) != 5 || v.Tools[1].Verdict != "agree" {
		t.Errorf("versions: status %d, %v: %s%s", r.status, err, r.stdout, r.stderr)
	}
}

// TestPreflightAsksTheDatabase needs a world with one, whose migrations show every kind of finding.
func TestPreflightAsksTheDatabase(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--database", "on", "--plays", "1000")
	got := preflightOf(t, s, 1, "--image", goodImage)
	delete(got, "database.lag") // of a machine that may be busy
	want := map[string]string{"fleet.replicas": "warn", "migrations.pending": "fail", "backup.newest": "fail", "tools.postgresql": "unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPreflightOfFilesAlone(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	project := t.TempDir()
	for name, text := range map[string]string{
		"mix.exs":           "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop, elixir: \"~> 1.18\", deps: [{:phoenix, \"~> 1.8\"}]]\nend\n",
		"deploy/fly.toml":   "app = \"shop\"\nprimary_region = \"iad\"\n[http_service]\ninternal_port = 4000\n",
		"staging/fly.toml":  "app = \"shop-staging\"\n[http_service]\ninternal_port = 4000\n[[http_service.checks]]\npath = \"/\"\ngrace_period = \"10s\"\n",
		".tool-versions":    "elixir 1.17.0\n",
		"Dockerfile":        "FROM elixir:1.18\nCMD [\"mix\", \"phx.server\"]\n",
		"pghero/fly.toml":   "app = \"zz\"\n[build]\nimage = \"example.com/pghero\"\n",
		"ops-console.toml":  "",
		"lib/application.x": "",
	} {
		p := filepath.Join(project, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := func(dir string, args ...string) result {
		return run(t, append(sandbox(t), "FLY_ACCESS_TOKEN="), "/bin/sh", append([]string{"-c", "cd \"$0\" && exec \"$@\"", dir, program}, args...)...)
	}
	if r := in(project, "preflight"); !strings.Contains(r.stdout, "preflight of shop-staging") {
		t.Errorf("where the source is: status %d:\n%s%s", r.status, r.stdout, r.stderr)
	}
	if r := in(project, "preflight", "--app", "other"); !strings.Contains(r.stdout, "no project's directory is known") {
		t.Errorf("where the source of another application is: status %d:\n%s%s", r.status, r.stdout, r.stderr)
	}
	if r := in(project, "preflight", "--app", "shop"); !strings.Contains(r.stdout, "config    deploy/fly.toml") {
		t.Errorf("where the source of the application is: status %d:\n%s%s", r.status, r.stdout, r.stderr)
	}
	for _, tc := range []struct {
		args   []string
		status int
		want   string // in the output, or in the error
	}{
		{[]string{"preflight", "--project", empty}, 3, "? 42 unknown"},
		{[]string{"preflight", "--project", project}, 1, "! Machines start a release"},
		{[]string{"preflight", "--project", project}, 1, "config    staging/fly.toml"},
		{[]string{"preflight", "--project", project, "--fly-toml", filepath.Join(project, "deploy/fly.toml")}, 1, "✗ Checks tell whether it works"},
		{[]string{"preflight", "--project", project, "--app", "shop"}, 1, "config    deploy/fly.toml"},
		{[]string{"preflight", "--project", project, "--fly-toml", "none.toml"}, 2, "--fly-toml none.toml: no such file"},
		{[]string{"preflight", "--project", filepath.Join(project, "none")}, 2, "there is no such directory"},
		{[]string{"preflight", "--format", "yaml"}, 2, "want text or json"},
		{[]string{"preflight", "extra"}, 2, "extra"},
		{[]string{"versions", "--project", project}, 1, "mix.exs wants ~> 1.18, .tool-versions has 1.17.0"},
		{[]string{"versions", "--project", empty}, 3, "together"},
		{[]string{"versions", "--format", "yaml"}, 2, "want text or json"},
	} {
		r := run(t, append(sandbox(t), "FLY_ACCESS_TOKEN="), program, tc.args...)
		if r.status != tc.status || !strings.Contains(r.stdout+r.stderr, tc.want) {
			t.Errorf("%v: status %d, want %d, and %q in\n%s%s", tc.args, r.status, tc.status, tc.want, r.stdout, r.stderr)
		}
	}
}
