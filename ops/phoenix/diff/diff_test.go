package diff

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

func trees(t testing.TB, old, new *phoenix.Tree, o Options) []Pair {
	t.Helper()
	pairs, err := Trees(old, new, o)
	if err != nil {
		t.Fatal(err)
	}
	return pairs
}

// moves are what moved, and how files are related, one a line.
func moves(pairs []Pair) []string {
	var out []string
	for _, p := range pairs {
		if p.Moved() {
			out = append(out, fmt.Sprintf("%s %s => %s", p.By, p.Old, p.New))
		}
		for _, r := range p.Relations {
			if r.Kind == AbsorbedBy || r.Kind == SplitInto {
				out = append(out, fmt.Sprintf("%s %s %s", p.Old, r.Kind, r.Path))
			}
		}
	}
	slices.Sort(out)
	return out
}

func fields(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func TestMovesThatPhoenixMadeArePaired(t *testing.T) {
	const web = "lib/sample_app_web/"
	for _, c := range []struct{ old, new, want string }{
		{"1.5.8/live", "1.6.16/default", `
			content assets/static/robots.txt => priv/static/robots.txt
			content assets/static/favicon.ico => priv/static/favicon.ico
			rule assets/css/app.scss => assets/css/app.css
			rule config/prod.secret.exs => config/runtime.exs
			rule WEBtemplates/layout/app.html.eex => WEBtemplates/layout/app.html.heex
			rule WEBtemplates/layout/live.html.leex => WEBtemplates/layout/live.html.heex
			rule WEBtemplates/layout/root.html.leex => WEBtemplates/layout/root.html.heex
			WEBlive/page_live.html.leex absorbed by WEBtemplates/page/index.html.heex
			assets/package.json absorbed by config/config.exs
			assets/webpack.config.js absorbed by config/config.exs
		`},
		{"1.6.16/default", "1.7.14/default", `
			rule WEBtemplates/layout/app.html.heex => WEBcomponents/layouts/app.html.heex
			rule WEBtemplates/layout/root.html.heex => WEBcomponents/layouts/root.html.heex
			rule WEBtemplates/page/index.html.heex => WEBcontrollers/page_html/home.html.heex
			rule WEBviews/layout_view.ex => WEBcomponents/layouts.ex
			rule WEBviews/error_view.ex => WEBcontrollers/error_html.ex
			rule WEBviews/page_view.ex => WEBcontrollers/page_html.ex
			rule test/sample_app_web/views/error_view_test.exs => test/sample_app_web/controllers/error_html_test.exs
			WEBtemplates/layout/live.html.heex absorbed by WEBcomponents/layouts/app.html.heex
			WEBviews/error_helpers.ex absorbed by WEBcomponents/core_components.ex
			WEBviews/error_view.ex split into WEBcontrollers/error_json.ex
			test/sample_app_web/views/error_view_test.exs split into test/sample_app_web/controllers/error_json_test.exs
		`},
		{"1.7.14/default", "1.8.8/default", `
			WEBcomponents/layouts/app.html.heex absorbed by WEBcomponents/layouts.ex
			assets/tailwind.config.js absorbed by assets/css/app.css
		`},
	} {
		t.Run(c.old+" to "+c.new, func(t *testing.T) {
			got := moves(trees(t, phoenixtest.Tree(t, c.old), phoenixtest.Tree(t, c.new), Options{}))
			if diff := cmp.Diff(fields(strings.ReplaceAll(c.want, "WEB", web)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMovesAreReadBackwardsTowardsAnOlderVersion(t *testing.T) {
	old, new := phoenixtest.Tree(t, "1.6.16/default"), phoenixtest.Tree(t, "1.7.14/default")
	ways := func(pairs []Pair, back bool) []string {
		var out []string
		for _, p := range pairs {
			if a, b := p.Old, p.New; p.Moved() {
				if back {
					a, b = b, a
				}
				out = append(out, a+" => "+b)
			}
		}
		slices.Sort(out)
		return out
	}
	there, back := ways(trees(t, old, new, Options{}), false), ways(trees(t, new, old, Options{}), true)
	if diff := cmp.Diff(there, back); diff != "" || len(there) != 7 {
		t.Errorf("%d moves: %s", len(there), diff)
	}
}

func TestMovesWithinAnUmbrella(t *testing.T) {
	beneath := func(t *phoenix.Tree) *phoenix.Tree {
		out := &phoenix.Tree{Spec: t.Spec, Files: map[string]phoenix.File{}}
		for p, f := range t.Files {
			out.Files["apps/sample_app_web/"+p] = f
		}
		return out
	}
	old, new := phoenixtest.Tree(t, "1.6.16/default"), phoenixtest.Tree(t, "1.7.14/default")
	var want []string
	for _, m := range moves(trees(t, old, new, Options{})) {
		for _, top := range []string{" lib/", " test/"} {
			m = strings.ReplaceAll(" "+m, top, " apps/sample_app_web"+strings.Replace(top, " ", "/", 1))[1:]
		}
		want = append(want, m)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, moves(trees(t, beneath(old), beneath(new), Options{}))); diff != "" {
		t.Error(diff)
	}
}

func TestRulesHoldBetweenTheirVersionsOnly(t *testing.T) {
	old, new := phoenixtest.Tree(t, "1.6.16/default"), phoenixtest.Tree(t, "1.7.14/default")
	old.Spec.Version, new.Spec.Version = phoenix.MustVersion("1.7.0-rc.0"), phoenix.MustVersion("1.7.14")
	for _, p := range trees(t, old, new, Options{}) {
		if p.By == ByRule {
			t.Errorf("%s became %s by a rule of %s", p.Old, p.New, p.Since)
		}
	}
}

func TestATreeWithoutFilesIsAnError(t *testing.T) {
	full := phoenixtest.Tree(t, "1.8.8/default")
	for name, empty := range map[string]*phoenix.Tree{"none": nil, "no map": {}, "no files": {Files: map[string]phoenix.File{}}} {
		if _, err := Trees(empty, full, Options{}); err == nil || !strings.Contains(err.Error(), "the old one has no files") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Trees(full, empty, Options{}); err == nil || !strings.Contains(err.Error(), "the new one has no files") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPathsThatLeaveTheTreeAreAnError(t *testing.T) {
	full := phoenixtest.Tree(t, "1.8.8/default")
	for _, p := range []string{"", ".", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", ".git/config", "a/.GIT/hooks/x", "a\x00b"} {
		tree := &phoenix.Tree{Files: map[string]phoenix.File{p: {}}}
		if _, err := Trees(full, tree, Options{}); err == nil {
			t.Errorf("%q is taken", p)
		}
	}
	both := &phoenix.Tree{Files: map[string]phoenix.File{"a": {}, "a/b/c": {}}}
	if _, err := Trees(both, full, Options{}); err == nil {
		t.Error("a file beneath a file is taken")
	}
}

func TestNoiseIsNoChange(t *testing.T) {
	text := func(salt, key, line string) map[string]phoenix.File {
		return map[string]phoenix.File{
			"lib/x_web/endpoint.ex": {Data: []byte("signing_salt: \"" + salt + "\",\n")},
			"config/config.exs":     {Data: []byte("import Config" + line + "live_view: [signing_salt: \"" + salt + "\"]" + line + "secret_key_base: \"" + key + "\"" + line)},
			"Dockerfile":            {Data: []byte("ARG ELIXIR_VERSION=1." + salt + "\nARG OTP_VERSION=" + salt + "\nARG DEBIAN_VERSION=trixie-2026010" + strconv.Itoa(len(salt)+len(line)) + "-slim\n#   - Ex: hexpm/elixir:1." + strconv.Itoa(len(line)) + ".0-rc.1-erlang-28.0-debian-trixie-2026010" + strconv.Itoa(len(line)) + "-slim\nFROM x\n")},
			"config/dev.exs":        {Data: []byte(`~r"priv/.*$"` + strings.Repeat("E", len(line)-1) + ",\n")},
		}
	}
	old := &phoenix.Tree{Files: text("one", "first secret", "\n")}
	new := &phoenix.Tree{Files: text("two", "second secret", "\r\n")}
	for _, p := range trees(t, old, new, Options{}) {
		if p.Status != Changed || p.Only != OnlyNoise || p.Added+p.Removed != 0 || p.Hunks(3) != nil {
			t.Errorf("%s: %s %q +%d -%d", p.Path(), p.Status, p.Only, p.Added, p.Removed)
		}
	}
	for _, p := range trees(t, old, new, Options{Raw: true}) {
		if p.Only == OnlyNoise || len(p.Hunks(3)) == 0 {
			t.Errorf("raw, %s: %q", p.Path(), p.Only)
		}
	}
}

func TestAnotherDistributionIsAChange(t *testing.T) {
	image := func(name string) *phoenix.Tree {
		return &phoenix.Tree{Files: map[string]phoenix.File{"Dockerfile": {Data: []byte("ARG DEBIAN_VERSION=" + name + "-20260101-slim\n")}}}
	}
	if pp := trees(t, image("bullseye"), image("bookworm"), Options{}); len(pp) != 1 || pp[0].Only == OnlyNoise || pp[0].Added != 1 {
		t.Errorf("%+v", pp)
	}
}

func TestPagesOfAuthenticationAreFollowed(t *testing.T) {
	tree := func(version string, paths ...string) *phoenix.Tree {
		t := &phoenix.Tree{Spec: phoenix.Spec{Axis: phoenix.Auth, Version: phoenix.MustVersion(version), App: "till"}, Files: map[string]phoenix.File{}}
		for _, p := range paths {
			t.Files[p] = phoenix.File{Data: []byte(version + " of " + p + "\n")}
		}
		return t
	}
	for _, c := range []struct {
		old, new *phoenix.Tree
		want     string
	}{
		{
			tree("1.6.16", "lib/till_web/controllers/person_auth.ex", "test/till_web/controllers/person_auth_test.exs"),
			tree("1.7.0", "lib/till_web/person_auth.ex", "test/till_web/person_auth_test.exs"), `
			rule lib/till_web/controllers/person_auth.ex => lib/till_web/person_auth.ex
			rule test/till_web/controllers/person_auth_test.exs => test/till_web/person_auth_test.exs
		`,
		},
		{
			tree("1.7.24", "apps/till_web/lib/till_web/live/person_login_live.ex", "apps/till_web/test/till_web/live/person_login_live_test.exs", "apps/till_web/lib/till_web/live/person_forgot_password_live.ex"),
			tree("1.8.0", "apps/till_web/lib/till_web/live/person_live/login.ex", "apps/till_web/test/till_web/live/person_live/login_test.exs"), `
			rule apps/till_web/lib/till_web/live/person_login_live.ex => apps/till_web/lib/till_web/live/person_live/login.ex
			rule apps/till_web/test/till_web/live/person_login_live_test.exs => apps/till_web/test/till_web/live/person_live/login_test.exs
		`,
		},
	} {
		if d := cmp.Diff(fields(c.want), moves(trees(t, c.old, c.new, Options{}))); d != "" {
			t.Error(d)
		}
	}
}

func TestNoSecretIsShown(t *testing.T) {
	secret := regexp.MustCompile(`Fx\d\w+-of-a-fixture|signing_salt: "\w`)
	all := phoenixtest.Trees(t)
	for _, a := range all {
		for _, b := range all {
			for _, p := range trees(t, a, b, Options{}) {
				for _, h := range p.Hunks(100) {
					for _, l := range h.Lines {
						if secret.MatchString(l.Text) {
							t.Errorf("%s: %s", p.Path(), l.Text)
						}
					}
				}
			}
		}
	}
}

func TestWhatAChangeComesDownTo(t *testing.T) {
	one := func(p, text string, x bool) *phoenix.Tree {
		return &phoenix.Tree{Files: map[string]phoenix.File{p: {Data: []byte(text), Executable: x}}}
	}
	for _, c := range []struct {
		path, old, new string
		executable     bool
		want           Only
	}{
		{"mix.exs", "a\n  {:phoenix, \"~> 1.8.7\"},\n", "a\n  {:phoenix, \"~> 1.8.8\"},\n", false, OnlyRequirement},
		{"mix.exs", "a\n  {:phoenix, \"~> 1.8.7\"},\n", "b\n  {:phoenix, \"~> 1.8.8\"},\n", false, ""},
		{"lib/a.ex", "plug :a, b: 1\n", "plug(:a,\n  b: 1\n)\n", false, OnlyFormat},
		{"lib/a.ex", "plug :a, b: 1\n", "plug :a, b: 2\n", false, ""},
		{"README.md", "a b\n", "a  b\n", false, ""},
		{"bin/server", "a\n", "a\n", true, OnlyMode},
		{"lib/a.ex", "a", "a\n", false, OnlyNoise},
	} {
		p := trees(t, one(c.path, c.old, false), one(c.path, c.new, c.executable), Options{})[0]
		if p.Only != c.want || p.Status != Changed {
			t.Errorf("%q to %q: %s %q, want %q", c.old, c.new, p.Status, p.Only, c.want)
		}
	}
}

func TestNamesAndTimesDoNotMakeAnotherFile(t *testing.T) {
	old := &phoenix.Tree{Spec: phoenix.Spec{App: "one", Module: "One"}, Files: map[string]phoenix.File{
		"lib/one_web/router.ex": {Data: []byte("defmodule OneWeb.Router do # of one_web\n")},
		"priv/repo/migrations/20240101000000_create_users_auth_tables.exs": {Data: []byte("a\n")},
	}}
	new := &phoenix.Tree{Spec: phoenix.Spec{App: "other", Module: "Other"}, Files: map[string]phoenix.File{
		"lib/other_web/router.ex": {Data: []byte("defmodule OtherWeb.Router do # of other_web\n")},
		"priv/repo/migrations/20250202000000_create_users_auth_tables.exs": {Data: []byte("b\n")},
	}}
	pairs := trees(t, old, new, Options{})
	if len(pairs) != 2 || pairs[0].Moved() || pairs[1].Moved() || pairs[0].Only != OnlyNoise || pairs[1].Added != 1 {
		t.Errorf("%+v", pairs)
	}
}

func TestWhatNobodyReadsIsCollapsed(t *testing.T) {
	want := map[string]string{"assets/vendor/topbar.js": vendored, "priv/static/favicon.ico": collapsedBinary, "priv/static/robots.txt": static, "mix.exs": ""}
	for _, p := range trees(t, phoenixtest.Tree(t, "1.6.16/default"), phoenixtest.Tree(t, "1.8.8/default"), Options{}) {
		if why, ok := want[p.Path()]; ok && p.Collapse != why {
			t.Errorf("%s: %q, want %q", p.Path(), p.Collapse, why)
		}
	}
}

func TestStatCountsAsGitDoes(t *testing.T) {
	needGit(t)
	old, new := phoenixtest.Tree(t, "1.7.14/default"), phoenixtest.Tree(t, "1.8.8/default")
	dir := t.TempDir()
	phoenixtest.Write(t, filepath.Join(dir, "old"), old.Files)
	phoenixtest.Write(t, filepath.Join(dir, "new"), new.Files)
	cmd := exec.Command("git", "diff", "--no-index", "--no-renames", "--numstat", "old", "new")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, _ := cmd.Output() // it exits with 1 since there are differences
	var added, removed int
	for line := range strings.Lines(string(out)) {
		var a, r int
		fmt.Sscan(line, &a, &r)
		added, removed = added+a, removed+r
	}
	got := Total(trees(t, old, new, Options{Raw: true}))
	if added == 0 || got.LinesAdded != added || got.LinesRemoved != removed {
		t.Errorf("+%d -%d, git says +%d -%d", got.LinesAdded, got.LinesRemoved, added, removed)
	}
}

func TestHunksAndRowsSayTheWholeChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"", "a", "a b", "a b c", "  plug :x, y: 1", "  plug :x, y: 2", "end", "def f do"})
		old := rapid.SliceOfN(line, 0, 20).Draw(t, "old")
		new := slices.Clone(old)
		for range rapid.IntRange(0, 5).Draw(t, "edits") {
			at := rapid.IntRange(0, len(new)).Draw(t, "at")
			new = slices.Concat(new[:at], rapid.SliceOfN(line, 0, 3).Draw(t, "more"), new[min(len(new), at+rapid.IntRange(0, 3).Draw(t, "less")):])
		}
		join := func(ll []string) phoenix.File { return phoenix.File{Data: []byte(strings.Join(append(ll, ""), "\n"))} }
		p := Pair{Old: "x", New: "x", OldFile: join(old), NewFile: join(new)}
		p.compare(Options{}, names{same: true})
		context := rapid.IntRange(0, 4).Draw(t, "context")
		var got []string
		at, removed, added := 0, 0, 0
		for _, h := range p.Hunks(context) {
			got = append(got, old[at:h.OldStart-1]...)
			at = h.OldStart - 1 + h.OldLines
			if h.NewStart != len(got)+1 {
				t.Fatalf("hunk at %d, want %d", h.NewStart, len(got)+1)
			}
			left, right := map[*Line]bool{}, map[*Line]bool{}
			for _, r := range h.Rows() {
				if r.Old != nil {
					left[r.Old] = true
				}
				if r.New != nil {
					right[r.New] = true
					got = append(got, r.New.Text)
				}
				if r.Old != nil && r.New != nil && r.Old.Op == Remove && (r.Old.Partner >= 0) != (r.New.Partner >= 0) {
					t.Fatalf("%q has a counterpart, but not %q", r.Old.Text, r.New.Text)
				}
			}
			if len(left) != h.OldLines || len(right) != h.NewLines {
				t.Fatalf("rows have %d and %d lines, want %d and %d", len(left), len(right), h.OldLines, h.NewLines)
			}
			for _, l := range h.Lines {
				var text strings.Builder
				for _, w := range l.Words {
					text.WriteString(w.Text)
				}
				if l.Words != nil && text.String() != l.Text {
					t.Fatalf("words %v of %q", l.Words, l.Text)
				}
				switch l.Op {
				case Remove:
					removed++
				case Add:
					added++
				}
			}
		}
		got = append(got, old[min(at, len(old)):]...)
		if diff := cmp.Diff(new, got); diff != "" && len(new)+len(got) > 0 {
			t.Error(diff)
		}
		if removed != p.Removed || added != p.Added {
			t.Errorf("+%d -%d in hunks, +%d -%d counted", added, removed, p.Added, p.Removed)
		}
	})
}

func TestWordsMarkWhatChanged(t *testing.T) {
	o, n := Words(`  plug :put_root_layout, {AppWeb.LayoutView, :root}`, `  plug :put_root_layout, html: {AppWeb.Layouts, :root}`)
	mark := func(ww []Word) string {
		var b strings.Builder
		for _, w := range ww {
			if w.Changed {
				b.WriteString("[" + w.Text + "]")
			} else {
				b.WriteString(w.Text)
			}
		}
		return b.String()
	}
	if got, want := mark(o), `  plug :put_root_layout, {AppWeb.[LayoutView], :root}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := mark(n), `  plug :put_root_layout, [html: ]{AppWeb.[Layouts], :root}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSameButFormat(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", " \n", true},
		{"a", "", false},
		{"plug :a, b: [1, 2]", "plug(:a,\n b: [\n1,\n2,\n])\n", true},
		{"[a, b]", "[b, a]", false},
		{"a,", "a", false},
		{"{a,}", "{a}", true},
		{"ab", "ab\x00", false},
	} {
		if SameButFormat(c.a, c.b) != c.want || SameButFormat(c.b, c.a) != c.want {
			t.Errorf("%q and %q: %t", c.a, c.b, !c.want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add("config/config.exs", "secret_key_base: \"x\"\r\nsigning_salt: \"")
	f.Add("Dockerfile", "ARG OTP_VERSION=1")
	f.Fuzz(func(t *testing.T, p, text string) {
		once := Normalise(p, text)
		if again := Normalise(p, once); again != once {
			t.Errorf("%q, and again %q", once, again)
		}
	})
}

// A comparison of two versions with what git needs for it.
func BenchmarkTrees(b *testing.B) {
	old, new := phoenixtest.Tree(b, "1.6.16/default"), phoenixtest.Tree(b, "1.7.14/default")
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			for _, p := range trees(b, old, new, Options{}) {
				p.Patch()
			}
		}
	})
	b.Run("git diff --no-index -M", func(b *testing.B) {
		dir := b.TempDir()
		phoenixtest.Write(b, filepath.Join(dir, "old"), old.Files)
		phoenixtest.Write(b, filepath.Join(dir, "new"), new.Files)
		for b.Loop() {
			cmd := exec.Command("git", "diff", "--no-index", "-M", "old", "new")
			cmd.Dir = dir
			_ = cmd.Run() // it exits with 1 since there are differences
		}
	})
	b.Run("ours, from files", func(b *testing.B) {
		dir := b.TempDir()
		phoenixtest.Write(b, filepath.Join(dir, "old"), old.Files)
		phoenixtest.Write(b, filepath.Join(dir, "new"), new.Files)
		for b.Loop() {
			x := &phoenix.Tree{Spec: old.Spec, Files: phoenixtest.Read(b, filepath.Join(dir, "old"))}
			y := &phoenix.Tree{Spec: new.Spec, Files: phoenixtest.Read(b, filepath.Join(dir, "new"))}
			for _, p := range trees(b, x, y, Options{}) {
				p.Patch()
			}
		}
	})
}
