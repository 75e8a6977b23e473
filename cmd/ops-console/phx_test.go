package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/phoenixtest"
)

// phxWorld is a user with the fixtures as the only source: neither the registry nor a site may be asked.
func phxWorld(t testing.TB) []string {
	t.Helper()
	dir, err := filepath.Abs(phoenixtest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return append(sandbox(t), "OPS_CONSOLE_GENERATOR_SNAPSHOTS="+dir, "OPS_CONSOLE_GENERATOR_MIX=never", "OPS_CONSOLE_GENERATOR_WEB=false",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
}

// secret stands in the orchard's configuration in the tests.
const secret = "MKlx0Jq2bYc9Vd7Rz4Wn8Tg5Hs1Pf6Ae3Uo0Ii"

// orchard is a git repository with the application of the fixtures, which has secrets.
func orchard(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	files := phoenixtest.Orchard(t).Files
	for _, p := range []string{"config/dev.exs", "config/config.exs"} {
		text := string(files[p].Data) + "\nconfig :orchard, :payments,\n  api_key: \"" + secret + "\",\n  password: \"hunter2hunter2\"\n"
		files[p] = phoenix.File{Data: []byte(text)}
	}
	phoenixtest.Write(t, dir, files)
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "an orchard")
	return dir
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "core.autocrlf=false"}, args...)...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return string(out)
}

func phxJSON(t testing.TB, r result, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), into); err != nil {
		t.Fatalf("no JSON: %v\n%.500s%s", err, r.stdout, r.stderr)
	}
}

func TestPhxVersionsNeedNoNetwork(t *testing.T) {
	r := run(t, phxWorld(t), program, "phx", "versions", "--format", "json")
	var got struct {
		Versions []struct {
			Version   string
			Available bool
			Trees     []string
			Switches  []struct{ Name, Default string }
		}
	}
	phxJSON(t, r, &got)
	var have []string
	for _, v := range got.Versions {
		if v.Available {
			have = append(have, v.Version+" "+strings.Join(v.Trees, ","))
		}
	}
	if d := cmp.Diff([]string{"1.5.8 --live", "1.6.16 ", "1.7.14 ", "1.8.8 "}, have); d != "" || r.status != 0 || len(got.Versions) < 100 {
		t.Errorf("status %d, %d versions: %s", r.status, len(got.Versions), d)
	}
	if r := run(t, phxWorld(t), program, "phx", "versions"); r.status != 0 || !strings.Contains(r.stdout, "1.7.14        2024-") {
		t.Errorf("status %d: %.300s%s", r.status, r.stdout, r.stderr)
	}
}

func TestPhxDiffPatchGivesTheNewTree(t *testing.T) {
	env := phxWorld(t)
	for i, from := range phoenixtest.Names {
		for _, to := range phoenixtest.Names[i+1:] {
			old, _, _ := strings.Cut(from, "/")
			new, _, _ := strings.Cut(to, "/")
			r := run(t, env, program, "phx", "diff", old, new, "--format", "patch")
			if r.status != 0 {
				t.Fatalf("%s to %s: status %d, %s", old, new, r.status, r.stderr)
			}
			dir := t.TempDir()
			phoenixtest.Write(t, dir, phoenixtest.Tree(t, from).Files)
			git(t, dir, "init", "-q")
			patch := filepath.Join(t.TempDir(), "p.patch")
			if err := os.WriteFile(patch, []byte(r.stdout), 0o600); err != nil {
				t.Fatal(err)
			}
			git(t, dir, "apply", "--whitespace=nowarn", patch)
			if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(phoenixtest.Tree(t, to).Files, phoenixtest.Read(t, dir)); d != "" {
				t.Errorf("%s to %s (-want +got):\n%.2000s", old, new, d)
			}
		}
	}
}

func TestPhxDiffTellsMoves(t *testing.T) {
	env := phxWorld(t)
	r := run(t, env, program, "phx", "diff", "1.5.8", "1.7.14", "--format", "json")
	var got struct {
		From, To struct {
			Version string
			Flags   map[string]string
			Source  string
		}
		Notes []string
		Stat  struct{ Moved, Changed, Lines_added int }
		Files []struct {
			Old, New, Status, By string
			Hunks                []struct{ Lines []struct{ Op, Text string } }
		}
	}
	phxJSON(t, r, &got)
	if r.status != 0 || got.From.Flags["live"] != "true" || !strings.Contains(strings.Join(got.Notes, " "), "--live is the default") {
		t.Errorf("status %d, from %+v, notes %q: the older tree should be the one with --live, and that be said", r.status, got.From, got.Notes)
	}
	moves := 0
	for _, f := range got.Files {
		if f.Old != "" && f.New != "" && f.Old != f.New {
			moves++
		}
	}
	if moves == 0 || moves != got.Stat.Moved || got.Stat.Changed == 0 || got.Stat.Lines_added == 0 {
		t.Errorf("%d moves, stat %+v", moves, got.Stat)
	}
	text := run(t, env, program, "phx", "diff", "1.6.16", "1.7.14", "--format", "text", "--only", "config")
	if text.status != 0 || !strings.Contains(text.stdout, "\n@@ -") || strings.Contains(text.stdout, "core_components") {
		t.Errorf("text of configuration only: status %d\n%.500s", text.status, text.stdout)
	}
	stat := run(t, env, program, "phx", "diff", "1.6.16", "1.7.14")
	if stat.status != 0 || !strings.Contains(stat.stdout, "controllers/error_html.ex") || !strings.Contains(stat.stdout, " moved, ") {
		t.Errorf("stat: status %d\n%.500s", stat.status, stat.stdout)
	}
}

// Between these versions the default of --adapter changed, and nobody has the older tree with the newer default.
func TestPhxDiffSaysWhichTreeItTookInstead(t *testing.T) {
	dir := t.TempDir()
	for _, at := range []string{"1.7.8/default", "1.7.8/binary-id", "1.7.14/default", "1.7.14/binary-id"} {
		phoenixtest.Write(t, filepath.Join(dir, at), phoenixtest.Tree(t, "1.7.14/default").Files)
	}
	for _, flags := range []string{"", "--binary-id"} {
		args := []string{"phx", "diff", "1.7.8", "1.7.14", "--source", dir}
		if flags != "" {
			args = append(args, "--", flags)
		}
		r := run(t, phxWorld(t), program, args...)
		if r.status != 0 || !strings.Contains(r.stdout, "there is no tree with --adapter bandit") || strings.Contains(r.stdout, "was generated with it") {
			t.Errorf("%v: status %d: %s%s", args, r.status, r.stdout, r.stderr)
		}
	}
	if r := run(t, phxWorld(t), program, "phx", "diff", "1.7.8", "1.7.14", "--source", dir, "--", "--no-ecto"); r.status != 3 {
		t.Errorf("a flag that was said and that nobody has: status %d, %s", r.status, r.stdout)
	}
}

func TestPhxDiffTakesNamesOfAProject(t *testing.T) {
	r := run(t, phxWorld(t), program, "phx", "diff", "1.6.16", "1.7.14", "--project", orchard(t), "--format", "patch")
	if r.status != 0 || !strings.Contains(r.stdout, "lib/orchard_web/components/core_components.ex") || strings.Contains(r.stdout, "sample_app") {
		t.Errorf("status %d, %s: %.300s", r.status, r.stderr, r.stdout)
	}
}

func TestPhxNearestNamesTheBase(t *testing.T) {
	dir := orchard(t)
	r := run(t, phxWorld(t), program, "phx", "nearest", "--project", dir, "--format", "json")
	var got struct {
		Version, Confidence, App, Module string
		Ties                             []string
		Recall                           float64
		Files                            []struct{ Path, First string }
	}
	phxJSON(t, r, &got)
	if r.status != 0 || got.Version != "1.6.16" || got.Confidence != "high" || got.App != "orchard" || got.Recall < 0.7 || len(got.Files) == 0 {
		t.Errorf("status %d, %+v", r.status, got)
	}
	// What is left of very little is nothing to build on.
	for _, p := range []string{"lib", "test", "assets", "priv"} {
		if err := os.RemoveAll(filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config/config.exs"), []byte("import Config\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	phoenixtest.Write(t, dir, map[string]phoenix.File{"lib/orchard.ex": {Data: []byte("defmodule Orchard do\nend\n")}})
	if r := run(t, phxWorld(t), program, "phx", "nearest", "--project", dir); r.status != 1 || !strings.Contains(r.stdout, "confidence low") {
		t.Errorf("an application of which little is left: status %d\n%.300s%s", r.status, r.stdout, r.stderr)
	}
}

// upgraded is what the tests read of the JSON.
type upgraded struct {
	Base_from string
	Counts    map[string]int
	Hunks     map[string]int
	Files     []struct {
		Path, Target, State string
		Done                bool
		Hunks               []struct {
			Index int
			State string
		}
	}
	Written []struct {
		Path      string
		Conflicts int
	}
}

func (u upgraded) in(state string) []string {
	var out []string
	for _, f := range u.Files {
		if f.State == state {
			out = append(out, f.Path)
		}
	}
	return out
}

func TestPhxUpgradeClassifiesAndWritesNothing(t *testing.T) {
	dir := orchard(t)
	env := phxWorld(t)
	r := run(t, env, program, "phx", "upgrade", "1.7.14", "--project", dir, "--format", "json")
	var got upgraded
	phxJSON(t, r, &got)
	sum := 0
	for _, n := range got.Counts {
		sum += n
	}
	if r.status != 1 || sum != len(got.Files) || got.Counts["conflicts"] == 0 || got.Counts["untouched"] == 0 || got.Hunks["applies"] == 0 {
		t.Errorf("status %d, counts %v of %d files, hunks %v", r.status, got.Counts, len(got.Files), got.Hunks)
	}
	if !strings.Contains(got.Base_from, "found by the files, confidence high") {
		t.Errorf("base: %s", got.Base_from)
	}
	if s := git(t, dir, "status", "--porcelain"); s != "" {
		t.Errorf("asking changed the work tree:\n%s", s)
	}
	said := run(t, env, program, "phx", "upgrade", "1.7.14", "--project", dir, "--from", "1.5.8")
	if said.status != 1 || !strings.Contains(said.stdout, "said by --from") {
		t.Errorf("status %d: %.300s%s", said.status, said.stdout, said.stderr)
	}
	same := run(t, env, program, "phx", "upgrade", "1.6.16", "--project", dir)
	if same.status != 0 {
		t.Errorf("nothing is new: status %d\n%s%s", same.status, same.stdout, same.stderr)
	}
}

func TestPhxUpgradeAppliesWhatIsChosen(t *testing.T) {
	dir := orchard(t)
	env := phxWorld(t)
	upgrade := func(args ...string) result {
		return run(t, env, program, append([]string{"phx", "upgrade", "1.7.14", "--project", dir}, args...)...)
	}
	before := phoenixtest.Read(t, dir)
	if r := upgrade("--apply", "config/dev.exs"); r.status != 2 || !strings.Contains(r.stderr, "--yes") {
		t.Errorf("without a terminal and --yes: status %d, %s", r.status, r.stderr)
	}
	if s := git(t, dir, "status", "--porcelain"); s != "" {
		t.Fatalf("refused, and yet:\n%s", s)
	}

	var first, second upgraded
	r := upgrade("--apply", "--all", "--yes", "--format", "json")
	phxJSON(t, r, &first)
	if r.status != 0 || len(first.Written) == 0 {
		t.Fatalf("status %d, wrote %v: %s", r.status, first.Written, r.stderr)
	}
	for p := range before {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil && !strings.HasPrefix(p, ".git/") {
			t.Errorf("deleted: %v", err)
		}
	}
	r = upgrade("--format", "json")
	phxJSON(t, r, &second)
	if left := slices.Concat(second.in("untouched"), second.in("merges"), second.in("new")); len(left) > 0 {
		t.Errorf("still to take: %v", left)
	}
	done := 0
	for _, f := range second.Files {
		if f.Done {
			done++
		}
	}
	if done != len(first.Written) {
		t.Errorf("%d files are marked as done, %d were written", done, len(first.Written))
	}

	// A conflict is written when it is asked for, and is bad news.
	conflicts := second.in("conflicts")
	r = upgrade("--apply", "--yes", conflicts[0])
	if text, err := os.ReadFile(filepath.Join(dir, conflicts[0])); err != nil || r.status != 1 || !strings.Contains(string(text), "|||||||") {
		t.Errorf("%s: status %d, %v, no conflict in diff3 style: %s", conflicts[0], r.status, err, r.stderr)
	}

	// Somebody's own change that is not committed stops everything.
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := upgrade("--apply", "--yes", conflicts[1]); r.status != 2 || !strings.Contains(r.stderr, "not committed") {
		t.Errorf("a work tree with changes: status %d, %s", r.status, r.stderr)
	}
}

func TestPhxUpgradeTakesSingleHunksAndMarks(t *testing.T) {
	dir := orchard(t)
	env := phxWorld(t)
	upgrade := func(args ...string) result {
		return run(t, env, program, append([]string{"phx", "upgrade", "1.7.14", "--project", dir}, args...)...)
	}
	if r := upgrade("--apply", "--yes", "config/dev.exs:0"); r.status != 0 || git(t, dir, "diff", "--name-only") != "config/dev.exs\n" {
		t.Errorf("one hunk: status %d, %s", r.status, r.stderr)
	}
	if r := upgrade("config/dev.exs:99"); r.status != 2 || !strings.Contains(r.stderr, "hunks") {
		t.Errorf("a hunk that is not there: status %d, %s", r.status, r.stderr)
	}
	if r := upgrade("--done", "mix.exs"); r.status != 1 || !strings.Contains(r.stdout, "✓ mix.exs") {
		t.Errorf("marked: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if r := upgrade("mix.exs"); !strings.Contains(r.stdout, "✓ mix.exs") || !strings.Contains(r.stdout, "\nhunk 0, line ") {
		t.Errorf("the mark was not kept, or no hunk shown:\n%s%s", r.stdout, r.stderr)
	}
	if r := upgrade("--not-done", "mix.exs"); strings.Contains(r.stdout, "✓") {
		t.Errorf("the mark was not taken back:\n%s", r.stdout)
	}
}

func TestPhxUpgradePatchApplies(t *testing.T) {
	dir := orchard(t)
	r := run(t, phxWorld(t), program, "phx", "upgrade", "1.7.14", "--project", dir, "--patch", "--all")
	if r.status != 0 || r.stdout == "" {
		t.Fatalf("status %d, %s", r.status, r.stderr)
	}
	patch := filepath.Join(t.TempDir(), "upgrade.patch")
	if err := os.WriteFile(patch, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "apply", "--whitespace=nowarn", patch)
	if s := git(t, dir, "status", "--porcelain"); !strings.Contains(s, "core_components.ex") && !strings.Contains(s, "components/") {
		t.Errorf("applied, and yet:\n%s", s)
	}
}

func TestPhxNeverPrintsSecretsOfAnApplication(t *testing.T) {
	dir := orchard(t)
	env := phxWorld(t)
	// The hunks next to the secrets are shown, too.
	for _, args := range [][]string{
		{"nearest"},
		{"nearest", "--format", "json"},
		{"diff", "1.6.16", "1.7.14", "--format", "text"},
		{"upgrade", "1.7.14"},
		{"upgrade", "1.7.14", "--format", "json"},
		{"upgrade", "1.7.14", "config/dev.exs", "config/config.exs", "mix.exs"},
		{"upgrade", "1.8.8", "config/dev.exs", "config/config.exs", "--from", "1.5.8"},
		{"upgrade", "1.7.14", "--patch", "--all"},
		{"upgrade", "1.7.14", "--patch", "config/dev.exs", "config/config.exs"},
		{"upgrade", "1.7.14", "--apply", "--yes", "config/dev.exs", "config/config.exs"},
	} {
		r := run(t, env, program, append([]string{"phx", "--project", dir}, args...)...)
		for _, s := range []string{secret, "hunter2"} {
			if strings.Contains(r.stdout+r.stderr, s) {
				t.Errorf("%v prints the secret", args)
			}
		}
		if r.stdout == "" {
			t.Errorf("%v printed nothing: %s", args, r.stderr)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "config/config.exs"))
	if err != nil || !strings.Contains(string(text), secret) {
		t.Errorf("%v: what was applied lost the application's own secret", err)
	}
}

func TestPhxSaysWhatIsWrongInOneLine(t *testing.T) {
	env := phxWorld(t)
	dir := orchard(t)
	for _, tc := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "two versions", []string{"diff", "1.7.14"}},
		{2, "version", []string{"diff", "one", "two"}},
		{2, "does not know", []string{"diff", "1.7.14", "1.8.8", "--", "--brunch"}},
		{2, "want stat, text, patch or json", []string{"diff", "1.7.14", "1.8.8", "--format", "sarif"}},
		{2, "--only", []string{"diff", "1.7.14", "1.8.8", "--only", "fun"}},
		{2, "1.4.17 has no phx.gen.auth", []string{"diff", "1.4.17", "1.8.8", "--auth"}},
		{2, "1.6.2 has no phx.gen.release (it is there since 1.6.3)", []string{"diff", "1.6.2", "1.8.8", "--release"}},
		{2, "a context, a schema and its plural", []string{"diff", "1.7.14", "1.8.8", "Accounts", "User", "users"}},
		{2, "does not name a context", []string{"diff", "1.7.14", "1.8.8", "--auth", "accounts", "User", "users"}},
		{2, "--docker is for --release", []string{"diff", "1.7.14", "1.8.8", "--docker"}},
		{2, "--within is for --auth", []string{"diff", "1.7.14", "1.8.8", "--within", "--umbrella"}},
		{3, "it has no mix phx.gen.auth of this version", []string{"diff", "1.7.14", "1.8.8", "--auth"}},
		{3, "phx versions lists", []string{"diff", "1.7.14", "1.8.7"}},
		{3, "it has this version with", []string{"diff", "1.7.14", "1.8.8", "--", "--no-ecto"}},
		{3, "no-such-place", []string{"diff", "1.7.14", "1.8.8", "--source", "/no-such-place"}},
		{2, "mix.exs", []string{"nearest", "--project", t.TempDir()}},
		{2, "newer than 1.5.8", []string{"upgrade", "1.5.8", "--project", dir}},
		{2, "no file of this upgrade", []string{"upgrade", "1.7.14", "--project", dir, "lib/nothing.ex"}},
		{2, "FILE=VERSION", []string{"upgrade", "1.7.14", "--project", dir, "--base", "x"}},
		{2, "name the files", []string{"upgrade", "1.7.14", "--project", dir, "--apply"}},
	} {
		r := run(t, env, program, append([]string{"phx"}, tc.args...)...)
		if r.status != tc.status || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, tc.want) {
			t.Errorf("%v: status %d, stdout %.80q, stderr %q, want %d and one line with %q", tc.args, r.status, r.stdout, r.stderr, tc.status, tc.want)
		}
	}
}

// A registry that accepts and never answers is given up in time.
func TestPhxEndsWhenNobodyAnswers(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	silent := "http://" + l.Addr().String()
	env := append(phxWorld(t), "OPS_CONSOLE_GENERATOR_MIX=ask", "OPS_CONSOLE_GENERATOR_REGISTRY="+silent, "OPS_CONSOLE_GENERATOR_PACKAGES="+silent)
	r := run(t, env, program, "phx", "versions", "--online", "--timeout", "300ms")
	if r.status != 3 || !strings.Contains(r.stdout, "1.7.14") || !strings.Contains(r.stdout, "note: ") || !strings.Contains(r.stdout, l.Addr().String()) {
		t.Errorf("status %d, want 3, what is known, and a note of who did not answer: %s", r.status, r.stderr)
	}
	if r := run(t, env, program, "phx", "diff", "1.7.14", "1.8.8"); r.status != 0 {
		t.Errorf("what is at hand needs nobody: status %d, %s", r.status, r.stderr)
	}
}

// What the console was told of single files holds for the command too.
func TestPhxUpgradeTakesTheBasesThatTheConsoleKept(t *testing.T) {
	env, dir := phxWorld(t), orchard(t)
	hunks := func() (n int, notes string) {
		t.Helper()
		var got struct {
			Notes []string
			Files []struct {
				Path  string
				Hunks []struct{}
			}
		}
		phxJSON(t, run(t, env, program, "phx", "upgrade", "1.8.8", "config/dev.exs", "--project", dir, "--format", "json"), &got)
		for _, f := range got.Files {
			if f.Path == "config/dev.exs" {
				n = len(f.Hunks)
			}
		}
		return n, strings.Join(got.Notes, "\n")
	}
	before, _ := hunks()
	if r := run(t, env, program, "phx", "upgrade", "1.8.8", "README.md", "--project", dir, "--done"); r.status > 1 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	var kept []string
	for _, e := range env {
		if state, ok := strings.CutPrefix(e, "XDG_STATE_HOME="); ok {
			kept, _ = filepath.Glob(filepath.Join(state, "ops-console", "phx", "*.json"))
		}
	}
	if len(kept) != 1 {
		t.Fatalf("what is kept: %v", kept)
	}
	p, err := merge.OpenProgress(kept[0])
	if err == nil {
		err = p.Rebase("config/dev.exs", phoenix.MustVersion("1.5.8"))
	}
	if err != nil {
		t.Fatal(err)
	}
	after, notes := hunks()
	if before == 0 || after == before || !strings.Contains(notes, "config/dev.exs comes from 1.5.8") {
		t.Errorf("%d hunks before, %d after; notes %s", before, after, notes)
	}
}
