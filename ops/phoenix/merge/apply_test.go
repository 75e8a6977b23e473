package merge

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

// workTree is the orchard, committed.
func workTree(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	dir := t.TempDir()
	phoenixtest.Write(t, dir, phoenixtest.Orchard(t).Files)
	run(t, dir, "init", "-q")
	run(t, dir, "add", "-A", "-f")
	run(t, dir, "commit", "-q", "-m", "an orchard")
	return dir
}

func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func progress0(t testing.TB) *Progress {
	t.Helper()
	p, err := OpenProgress(filepath.Join(t.TempDir(), "upgrades", "x.json"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plan of the directory as it is.
func plan(t testing.TB, dir string) Plan {
	t.Helper()
	mine, err := Project(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Classify(generated(t, "1.6.16/default"), generated(t, "1.7.14/default"), mine, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func all(p Plan) []Choice {
	var out []Choice
	for _, f := range p.Files {
		if f.Actionable() {
			out = append(out, Choice{Path: f.Path()})
		}
	}
	return out
}

func read(t testing.TB, dir, at string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(at)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestApplyWritesWhatWasChosen(t *testing.T) {
	dir := workTree(t)
	p := plan(t, dir)
	before := phoenixtest.Read(t, dir)
	ww, err := p.Apply(t.Context(), dir, all(p), progress0(t))
	if err != nil {
		t.Fatal(err)
	}
	after := phoenixtest.Read(t, dir)
	for at := range before {
		if _, ok := after[at]; !ok {
			t.Errorf("%s was deleted", at)
		}
	}
	wrote := map[string]Written{}
	for _, w := range ww {
		wrote[w.Path] = w
	}
	for at, f := range after {
		if old, was := before[at]; wrote[at].Path == "" && (!was || !bytes.Equal(old.Data, f.Data)) && !strings.HasPrefix(at, ".git/") {
			t.Errorf("%s was written, and nobody says so", at)
		}
	}
	root := "lib/orchard_web/components/layouts/root.html.heex"
	if w := wrote[root]; w.Left != "lib/orchard_web/templates/layout/root.html.heex" || w.Conflicts != 0 {
		t.Errorf("%+v", w)
	}
	if got, want := read(t, dir, root), string(generated(t, "1.7.14/default").Files[root].Data); got != want {
		t.Errorf("an untouched file that moved: %s", cmp.Diff(want, got))
	}
	endpoint := read(t, dir, "lib/orchard_web/endpoint.ex")
	for _, want := range []string{`"Zk93plum"`, "plug OrchardWeb.Season", "OrchardWeb.static_paths()", `same_site: "Lax"`} {
		if !strings.Contains(endpoint, want) {
			t.Errorf("endpoint.ex lacks %s", want)
		}
	}
	router := read(t, dir, "lib/orchard_web/router.ex")
	want := `<<<<<<< yours
    get "/", PageController, :index
    resources "/trees", TreeController
||||||| phoenix 1.6.16
    get "/", PageController, :index
=======
    get "/", PageController, :home
>>>>>>> phoenix 1.7.14
`
	if !strings.Contains(router, want) || wrote["lib/orchard_web/router.ex"].Conflicts != 1 {
		t.Errorf("router.ex: %s", router)
	}
	for _, f := range plan(t, dir).Files {
		if w, ok := wrote[f.Mine]; ok && (f.Actionable() || (f.State == Marked) != (w.Conflicts > 0) || f.Left != w.Left) {
			t.Errorf("planned again: %s, beside %q", f, f.Left)
		}
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "lib", "orchard_web", ".*")); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestApplyTakesSingleHunks(t *testing.T) {
	dir := workTree(t)
	p := plan(t, dir)
	if _, err := p.Apply(t.Context(), dir, []Choice{{Path: "lib/orchard_web/router.ex", Hunks: []int{0, 2}}}, progress0(t)); err != nil {
		t.Fatal(err)
	}
	got := read(t, dir, "lib/orchard_web/router.ex")
	for want, is := range map[string]bool{"html: {OrchardWeb.Layouts, :root}": true, "compile_env(:orchard": true, "<<<<": false, `scope "/dev"`: false, "PageController, :index": true} {
		if strings.Contains(got, want) != is {
			t.Errorf("%q: %t, want %t\n%s", want, !is, is, got)
		}
	}
	if _, err := p.Apply(t.Context(), dir, []Choice{{Path: "mix.exs", Hunks: []int{99}}}, progress0(t)); err == nil {
		t.Error("a hunk that is not there is taken")
	}
}

func TestApplyGoesOnAfterItsOwnWork(t *testing.T) {
	dir, kept := workTree(t), progress0(t)
	for _, at := range []string{"mix.exs", "config/prod.exs", "lib/orchard_web/components/core_components.ex"} {
		if _, err := plan(t, dir).Apply(t.Context(), dir, []Choice{{Path: at}}, kept); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "mix.exs"), []byte("mine now\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := plan(t, dir).Apply(t.Context(), dir, []Choice{{Path: ".gitignore"}}, kept)
	if err == nil || !strings.Contains(err.Error(), "1 files have changes that are not committed (mix.exs)") {
		t.Errorf("after a change of the user's: %v", err)
	}
}

func TestApplyRefuses(t *testing.T) {
	write := func(at, text string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			phoenixtest.Write(t, dir, map[string]phoenix.File{at: {Data: []byte(text)}})
		}
	}
	for _, c := range []struct {
		name    string
		after   func(testing.TB, string) // the plan was made
		choices []Choice
		want    string
	}{
		{"a tree with changes", write("lib/orchard.ex", "changed\n"), []Choice{{Path: "mix.exs"}}, "not committed (lib/orchard.ex)"},
		{"a change that is staged", func(t testing.TB, dir string) {
			write("lib/other.ex", "x\n")(t, dir)
			run(t, dir, "add", "lib/other.ex")
		}, []Choice{{Path: "mix.exs"}}, "not committed (lib/other.ex)"},
		{"a file that came since", write("assets/tailwind.config.js", "mine\n"), []Choice{{Path: "assets/tailwind.config.js"}}, "is there already"},
		{"a committed change since", func(t testing.TB, dir string) {
			write("mix.exs", "mine\n")(t, dir)
			run(t, dir, "commit", "-q", "-a", "-m", "since")
		}, []Choice{{Path: "mix.exs"}}, "changed since the plan"},
		{"a file that went", func(t testing.TB, dir string) {
			run(t, dir, "rm", "-q", "mix.exs")
			run(t, dir, "commit", "-q", "-m", "gone")
		}, []Choice{{Path: "mix.exs"}}, "not there any more"},
		{"a file that git does not know", func(t testing.TB, dir string) {
			write(".gitignore", "/config/prod.exs\n")(t, dir)
			run(t, dir, "rm", "-q", "--cached", "config/prod.exs")
			run(t, dir, "add", ".gitignore")
			run(t, dir, "commit", "-q", "-m", "ignored")
		}, []Choice{{Path: "config/prod.exs"}}, "git does not know config/prod.exs"},
		{"a link in the way", func(t testing.TB, dir string) {
			at := filepath.Join(dir, "lib/orchard_web/components")
			if err := os.Symlink(t.TempDir(), at); err != nil {
				t.Fatal(err)
			}
		}, []Choice{{Path: "lib/orchard_web/components/core_components.ex"}}, "core_components.ex"},
		{"no work tree", func(t testing.TB, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
				t.Fatal(err)
			}
		}, []Choice{{Path: "mix.exs"}}, "not in a git work tree"},
		{"what needs nothing", nil, []Choice{{Path: "README.md"}}, "nothing to take"},
		{"what is dropped", nil, []Choice{{Path: "assets/css/phoenix.css"}}, "nothing to take"},
		{"an own file", nil, []Choice{{Path: "priv/static/images/logo.svg"}}, "nothing to take"},
		{"an unknown file", nil, []Choice{{Path: "../x"}}, "no file of this upgrade"},
		{"one file twice", nil, []Choice{{Path: "mix.exs"}, {Path: "mix.exs"}}, "choose one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := workTree(t)
			p := plan(t, dir)
			if c.after != nil {
				c.after(t, dir)
			}
			before := phoenixtest.Read(t, dir)
			// Beside the refused file there is one that could be written, and must not be.
			choices := append([]Choice{{Path: ".formatter.exs"}}, c.choices...)
			ww, err := p.Apply(t.Context(), dir, choices, progress0(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q (%v)", err, c.want, ww)
			}
			if diff := cmp.Diff(before, phoenixtest.Read(t, dir)); diff != "" {
				t.Errorf("something was written: %s", diff)
			}
		})
	}
}

func TestAFailureInTheMiddleIsUndone(t *testing.T) {
	dir := workTree(t)
	p := plan(t, dir)
	works, err := p.works([]Choice{{Path: "mix.exs"}, {Path: "lib/orchard_web/controllers/error_json.ex"}, {Path: "config/prod.exs"}})
	if err != nil {
		t.Fatal(err)
	}
	// A directory where the last one goes: everything can be written beside it, and the last cannot be moved.
	works[2].target = "config/blocked"
	if err := os.MkdirAll(filepath.Join(dir, "config/blocked/x"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := phoenixtest.Read(t, dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := replace(root, works); err == nil {
		t.Fatal("a file was moved onto a directory")
	}
	if diff := cmp.Diff(before, phoenixtest.Read(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestApplyInADirectoryBeneathTheWorkTree(t *testing.T) {
	top := workTree(t)
	run(t, top, "rm", "-r", "-q", "--cached", ".")
	dir := filepath.Join(top, "services", "orchard")
	phoenixtest.Write(t, dir, phoenixtest.Orchard(t).Files)
	run(t, top, "add", "-A", "-f", "services")
	run(t, top, "commit", "-q", "-m", "beneath")
	kept := progress0(t)
	for _, at := range []string{"mix.exs", "config/prod.exs"} {
		if _, err := plan(t, dir).Apply(t.Context(), dir, []Choice{{Path: at}}, kept); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThePatchDoesWhatApplyDoes(t *testing.T) {
	dir := workTree(t)
	p := plan(t, dir)
	var patch bytes.Buffer
	left, err := p.Patch(&patch, all(p))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Withheld{{"config/config.exs", 13}, {"lib/orchard_web/endpoint.ex", 8}}, left); diff != "" {
		t.Errorf("left out: %s", diff)
	}
	other := workTree(t)
	cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = other, &patch
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := p.Apply(t.Context(), dir, all(p), progress0(t)); err != nil {
		t.Fatal(err)
	}
	want, got := phoenixtest.Read(t, dir), phoenixtest.Read(t, other)
	for at := range want {
		if strings.HasPrefix(at, ".git/") || at == "config/config.exs" || at == "lib/orchard_web/endpoint.ex" {
			continue
		}
		if diff := cmp.Diff(string(want[at].Data), string(got[at].Data)); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
	for at, parts := range map[string][]string{
		"config/config.exs":           {"Bandit", "quince", "config :tailwind"},
		"lib/orchard_web/endpoint.ex": {"Zk93plum", "longpoll:", "static_paths()"},
	} {
		for _, part := range parts {
			if text := string(got[at].Data); !strings.Contains(text, part) {
				t.Errorf("%s lacks %s, which could be told: %s", at, part, text)
			}
		}
	}
}

// Patches around lines that must not show, anywhere in a file.
func TestPatchesWithoutSecretsApply(t *testing.T) {
	dir := t.TempDir()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	applied := 0
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		secret := rapid.SampledFrom([]string{"password: \"pear\"", "password: \"plum\""})
		join := func(ll []string) phoenix.File {
			text := strings.Join(ll, "\n")
			if rapid.Bool().Draw(t, "line end") {
				text += "\n"
			}
			return phoenix.File{Data: []byte(text)}
		}
		tree := func(ll []string) *phoenix.Tree {
			return &phoenix.Tree{Files: map[string]phoenix.File{"lib/x.ex": join(ll)}}
		}
		edited := func(ll []string, more *rapid.Generator[string]) []string {
			ll = slices.Clone(ll)
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				at := rapid.IntRange(0, len(ll)).Draw(t, "at")
				ll = slices.Concat(ll[:at], rapid.SliceOfN(more, 0, 2).Draw(t, "more"), ll[min(len(ll), at+rapid.IntRange(0, 2).Draw(t, "less")):])
			}
			return append(ll, "end")
		}
		base := rapid.SliceOfN(plain, 1, 16).Draw(t, "base")
		p, err := Classify(tree(append(base, "end")), tree(edited(base, plain)), tree(edited(base, rapid.OneOf(plain, secret))), Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := p.Files[0]
		if !f.Actionable() {
			return
		}
		var patch bytes.Buffer
		if _, err := p.Patch(&patch, []Choice{{Path: "lib/x.ex"}}); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(patch.Bytes(), []byte("pear")) || bytes.Contains(patch.Bytes(), []byte("plum")) {
			t.Fatalf("a secret shows:\n%s", patch.Bytes())
		}
		if patch.Len() == 0 {
			return
		}
		at := filepath.Join(dir, "lib", "x.ex")
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.mine.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(patch.Bytes())
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\nto:\n%s\npatch:\n%s", err, out, f.mine.Data, patch.Bytes())
		}
		applied++
	})
	if applied < 10 {
		t.Errorf("%d patches were applied", applied)
	}
}

func TestProgressIsKept(t *testing.T) {
	at := filepath.Join(t.TempDir(), "a", ProgressName("/srv/orchard", phoenix.Spec{Version: phoenix.MustVersion("1.6.16")}, phoenix.Spec{Version: phoenix.MustVersion("1.7.14")}))
	p, err := OpenProgress(at)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"mix.exs", "config/dev.exs"} {
		if err := p.Mark(f, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Mark("mix.exs", false); err != nil {
		t.Fatal(err)
	}
	again, err := OpenProgress(at)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"config/dev.exs"}, again.Paths()); diff != "" || !again.Done("config/dev.exs") || again.Done("mix.exs") {
		t.Error(diff)
	}
	if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.WriteFile(at, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenProgress(at); err == nil {
		t.Error("a broken file is read")
	}
	if a, b := ProgressName("/a", phoenix.Spec{}, phoenix.Spec{}), ProgressName("/b", phoenix.Spec{}, phoenix.Spec{}); a == b {
		t.Errorf("two projects share %s", a)
	}
}

func TestProjectReadsWhatIsTheApplications(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	phoenixtest.Write(t, dir, map[string]phoenix.File{
		"mix.exs": {Data: []byte("m")}, "lib/a.ex": {Data: []byte("a")}, "bin/x": {Data: []byte("x"), Executable: true},
		"deps/b/mix.exs": {Data: []byte("b")}, "_build/x": {}, "assets/node_modules/x/y.js": {}, ".git/config": {},
		"priv/large.sql": {Data: make([]byte, maxFile+1)},
	})
	if err := os.Symlink(secret, filepath.Join(dir, "lib/link.ex")); err != nil {
		t.Fatal(err)
	}
	got, err := Project(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"bin/x", "lib/a.ex", "mix.exs"}, got.Paths()); diff != "" || !got.Files["bin/x"].Executable {
		t.Error(diff)
	}
	if _, err := Project(t.Context(), filepath.Join(dir, "lib")); err == nil || !strings.Contains(err.Error(), "no mix.exs") {
		t.Errorf("%v", err)
	}
}
