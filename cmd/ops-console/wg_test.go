package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ops-console/wg"
)

// withoutConf is the world's profile as of a user who has no tunnel's file yet.
func withoutConf(t *testing.T, s *sim) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "profile.toml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "profile.toml")
	b = regexp.MustCompile(`(?m)^config = .*\n`).ReplaceAll(b, nil)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJoinUseRenewAndLeave(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm")
	env, profile := sandbox(t), withoutConf(t, s)
	ours := func(args ...string) result {
		return run(t, env, program, append([]string{"--config", profile, "--app", "changelog"}, args...)...)
	}

	if r := ours("wg", "status"); r.status != 2 || !strings.Contains(r.stderr, "wg join") {
		t.Errorf("before joining: status %d, %q, want 2 and the command to join", r.status, r.stderr)
	}
	if r := ours("wg", "join"); r.status != 2 || !strings.Contains(r.stderr, "--yes") {
		t.Errorf("joining unasked without a terminal: status %d, %q, want 2 and --yes", r.status, r.stderr)
	}
	if r := ours("wg", "join", "--yes"); r.status != 0 {
		t.Fatalf("join: status %d: %s", r.status, r.stderr)
	}
	state := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "XDG_STATE_HOME="); ok {
			state = v
		}
	}
	files, err := filepath.Glob(filepath.Join(state, "ops-console", "peers", "*.conf"))
	if err != nil || len(files) != 1 {
		t.Fatalf("peer files %v, %v, want one", files, err)
	}
	st, err := os.Stat(files[0])
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode of the peer's file: %v, %v, want 0600", st.Mode(), err)
	}
	before, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}

	r := ours("wg", "status", "--format", "json")
	var got wg.Status
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.status != 0 || got.State != wg.StateUp {
		t.Errorf("joined: status %d, state %s, %v: %s", r.status, got.State, err, r.stderr)
	}
	if key := regexp.MustCompile(`PrivateKey = (\S+)`).FindSubmatch(before); key == nil || strings.Contains(r.stdout+r.stderr, string(key[1])) {
		t.Error("the private key is not in the file, or is in the output")
	}
	if r := ours("wg", "join", "--yes"); r.status != 0 || !strings.Contains(r.stdout, "already joined") {
		t.Errorf("joining twice: status %d, %q %q", r.status, r.stdout, r.stderr)
	}
	if r := ours("wg", "join", "--yes", "--renew"); r.status != 0 {
		t.Errorf("renew: status %d: %s", r.status, r.stderr)
	}
	if after, err := os.ReadFile(files[0]); err != nil || string(after) == string(before) {
		t.Errorf("the key was not renewed: %v", err)
	}
	if r := ours("wg", "status"); r.status != 0 {
		t.Errorf("renewed: status %d: %s%s", r.status, r.stdout, r.stderr)
	}
	if r := ours("wg", "leave", "--yes"); r.status != 0 {
		t.Errorf("leave: status %d: %s", r.status, r.stderr)
	}
	if _, err := os.Stat(files[0]); err == nil {
		t.Error("the key is still there")
	}
	if r := ours("wg", "leave", "--yes"); r.status != 2 {
		t.Errorf("leaving twice: status %d: %s, want 2", r.status, r.stderr)
	}
}
