package nearest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

func inspect(t testing.TB, tree *phoenix.Tree) App {
	t.Helper()
	app, err := Inspect(tree)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func find(t testing.TB, mine *phoenix.Tree) Result {
	t.Helper()
	r, err := Find(t.Context(), inspect(t, mine), mine, phoenixtest.Trees(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAFreshApplicationIsFoundWhole(t *testing.T) {
	for _, name := range phoenixtest.Names {
		mine := phoenixtest.Named(t, name, "till", "Till")
		r := find(t, mine)
		best := r.Best()
		if got := best.Spec.Version.String() + "/"; !strings.HasPrefix(name, got) {
			t.Errorf("%s: found %s", name, got)
		}
		if best.Recall() != 1 || best.Modified+best.Missing != 0 || r.Level != High || len(r.Ties) != 1 {
			t.Errorf("%s: recall %.2f, %d modified, %d missing, %s, ties %v", name, best.Recall(), best.Modified, best.Missing, r.Level, r.Ties)
		}
		if r.Other == nil || r.Other.Spec.Version.Line() == best.Spec.Version.Line() || r.Other.Score >= best.Score {
			t.Errorf("%s: the other is %+v", name, r.Other)
		}
		for _, f := range r.Files {
			if f.Likeness != 100 || f.Better {
				t.Errorf("%s: %+v, want a file like its version's", name, f)
			}
		}
	}
}

func TestACustomisedApplicationIsFound(t *testing.T) {
	r := find(t, phoenixtest.Orchard(t))
	if got := r.Base().Version.String(); got != "1.6.16" || r.Level != High {
		t.Errorf("got %s, %s", got, r.Level)
	}
	i := slices.IndexFunc(r.Files, func(f File) bool { return f.Path == "assets/js/app.js" })
	if i < 0 || !r.Files[i].Better || r.Files[i].First.String() != "1.7.14" {
		t.Errorf("the file that was taken over from 1.7.14 is %+v", r.Files)
	}
}

func TestWhatIsLostLowersTheConfidence(t *testing.T) {
	names := phoenixtest.Tree(t, "1.7.14/default").Paths()
	rapid.Check(t, func(rt *rapid.T) {
		mine := phoenixtest.Named(t, "1.7.14/default", "till", "Till")
		app := inspect(t, mine)
		before := find(t, mine).Best()
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 20).Draw(rt, "lost") {
			if p != "mix.exs" {
				delete(mine.Files, strings.ReplaceAll(p, phoenixtest.App, "till"))
			}
		}
		r, err := Find(t.Context(), app, mine, phoenixtest.Trees(t))
		if err != nil {
			rt.Fatal(err)
		}
		after := r.Matches[slices.IndexFunc(r.Matches, func(m Match) bool { return m.Spec.Version == before.Spec.Version })]
		if after.Recall() > before.Recall() || after.Surviving > after.Lines || after.Score > before.Score {
			rt.Errorf("before %+v, after %+v", before, after)
		}
		if r.Level != level(r.Best()) {
			rt.Errorf("level %s of recall %.2f", r.Level, r.Best().Recall())
		}
	})
}

func TestAResultIsTheSameEveryTime(t *testing.T) {
	want := find(t, phoenixtest.Orchard(t))
	for range 5 {
		if d := cmp.Diff(want, find(t, phoenixtest.Orchard(t))); d != "" {
			t.Fatal(d)
		}
	}
}

func TestEqualTreesTie(t *testing.T) {
	old := phoenixtest.Tree(t, "1.7.14/default")
	next := phoenixtest.Tree(t, "1.7.14/default")
	next.Spec.Version = phoenix.MustVersion("1.7.15")
	mine := phoenixtest.Named(t, "1.7.14/default", "till", "Till")
	r, err := Find(t.Context(), inspect(t, mine), mine, []*phoenix.Tree{old, next, phoenixtest.Tree(t, "1.6.16/default")})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Ties); got != "[1.7.14 1.7.15]" || r.Base().Version.String() != "1.7.15" {
		t.Errorf("ties %s, base %s: want both and the newer", got, r.Base().Version)
	}
}

func TestNothingInCommonIsAnError(t *testing.T) {
	mine := &phoenix.Tree{Files: map[string]phoenix.File{"mix.exs": {Data: []byte("x")}}}
	if _, err := Find(t.Context(), App{Name: "a", Module: "A"}, mine, phoenixtest.Trees(t)); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	if _, err := Find(t.Context(), App{}, mine, nil); !errors.Is(err, ErrNoTrees) {
		t.Errorf("without trees: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, App{}, mine, phoenixtest.Trees(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func file(text string) phoenix.File { return phoenix.File{Data: []byte(text)} }

func TestInspect(t *testing.T) {
	mix := func(deps string) phoenix.File {
		return file("defmodule Till.MixProject do\n  def project, do: [app: :till, deps: deps()]\n  # {:myxql, \">= 0.0.0\"}\n  defp deps, do: [{:phoenix, \"~> 1.7.14\"}, " + deps + "]\nend\n")
	}
	for _, tc := range []struct {
		name  string
		files map[string]phoenix.File
		app   string // name, module, requirement
		want  phoenix.Flags
	}{
		{"an API", map[string]phoenix.File{"mix.exs": mix("{:jason, \"~> 1.0\"}")}, "till Till ~> 1.7.14", phoenix.Flags{"ecto": "false", "html": "false", "live": "false", "assets": "false", "umbrella": "false"}},
		{
			"pages with a database",
			map[string]phoenix.File{
				"mix.exs":                               mix("{:ecto_sql, \"~> 3\"}, {:ecto_sqlite3, \">= 0.0.0\"}, {:phoenix_html, \"~> 4\"}, {:phoenix_live_view, \"~> 1\"}, {:bandit, \"~> 1\"}, {:esbuild, \"~> 0.8\", runtime: false}"),
				"lib/till_web/components/layouts.ex":    file("defmodule TillWeb.Layouts do"),
				"assets/js/app.js":                      file("x"),
				"config/config.exs":                     file("config :till, generators: [binary_id: true]"),
				"lib/till_web.ex":                       file("defmodule TILLWeb do"),
				"lib/till_web/controllers/user_auth.ex": file(""),
			},
			"till TILL ~> 1.7.14",
			phoenix.Flags{"ecto": "true", "database": "sqlite3", "html": "true", "live": "true", "assets": "true", "adapter": "bandit", "binary_id": "true", "esbuild": "true", "tailwind": "false"},
		},
		{
			"an umbrella",
			map[string]phoenix.File{
				"mix.exs":               file("defmodule Till.Umbrella.MixProject do\n  [apps_path: \"apps\"]"),
				"apps/till/mix.exs":     file("[app: :till, {:phoenix_ecto, \"~> 4\"}, {:myxql, \">= 0.0.0\"}]"),
				"apps/till/lib/till.ex": file("defmodule Till do"),
				"apps/till_web/mix.exs": file("[app: :till_web, {:phoenix, \"~> 1.6.0\"}, {:phoenix_html, \"~> 3\"}]"),
				"apps/till_web/lib/till_web/views/layout_view.ex": file(""),
				"apps/till_web/assets/js/app.js":                  file(""),
				"apps/other/mix.exs":                              file("[app: :other]"),
				"apps/other/lib/other.ex":                         file("defmodule Other do"),
				"apps/till_web/deps/x/mix.exs":                    file("[app: :x]"),
			},
			"till Till ~> 1.6.0",
			phoenix.Flags{"umbrella": "true", "ecto": "true", "database": "mysql", "html": "true", "live": "false", "assets": "true"},
		},
	} {
		app, err := Inspect(&phoenix.Tree{Files: tc.files})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := app.Name + " " + app.Module + " " + app.Requirement; got != tc.app {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.app)
		}
		for name, v := range tc.want {
			if app.Flags[name] != v {
				t.Errorf("%s: %s is %q, want %q", tc.name, name, app.Flags[name], v)
			}
		}
	}
	for want, files := range map[string]map[string]phoenix.File{
		"no mix.exs":        {"x": {}},
		"does not name":     {"mix.exs": file("[app: :till, {:phoenix_html, \"~> 4\"}]")},
		"app: :name":        {"mix.exs": file("{:phoenix, \"~> 1.7\"}")},
		"module was not fo": {"mix.exs": file("[app: :till, {:phoenix, \"~> 1.7\"}]")},
	} {
		if _, err := Inspect(&phoenix.Tree{Files: files}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestFlagsAreWhatTheVersionKnows(t *testing.T) {
	app := App{Flags: phoenix.Flags{
		"ecto": "true", "database": "postgres", "html": "true", "live": "true", "assets": "false", "adapter": "cowboy",
		"tailwind": "false", "mailer": "false", "umbrella": "false",
	}}
	v := phoenix.MustVersion
	for _, tc := range []struct{ version, want string }{
		{"1.3.4", "--no-brunch"},
		{"1.4.17", "--no-webpack"},
		{"1.5.8", "--live --no-webpack"},
		{"1.6.16", "--no-assets --no-mailer"},
		{"1.7.14", "--adapter cowboy --no-assets --no-mailer"},
	} {
		if got := app.For(v(tc.version)).String(); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.version, got, tc.want)
		}
	}
	if got := app.Onward(v("1.4.17"), v("1.7.14")).String(); got != "--no-assets" {
		t.Errorf("from 1.4.17 to 1.7.14: got %q, want what 1.4.17 could decide", got)
	}
}

func specs(words ...string) []phoenix.Spec {
	var out []phoenix.Spec
	for _, w := range words {
		version, flags, _ := strings.Cut(w, " ")
		f, err := phoenix.ReadFlags(strings.Fields(flags))
		if err != nil {
			panic(err)
		}
		out = append(out, phoenix.Spec{Axis: phoenix.Project, Version: phoenix.MustVersion(version), Flags: f})
	}
	return out
}

func titles(ss []phoenix.Spec) []string {
	var out []string
	for _, s := range ss {
		out = append(out, strings.TrimSpace(s.Version.String()+" "+s.Flags.String()))
	}
	return out
}

func TestCandidatesDifferInWhatIsSlight(t *testing.T) {
	all := specs("1.5.8", "1.5.8 --live", "1.7.14", "1.7.14 --no-live", "1.7.14 --no-ecto", "1.7.14 --umbrella", "1.8.8 --no-html")
	app := App{Flags: phoenix.Flags{"umbrella": "false", "html": "true", "ecto": "true", "live": "true"}}
	want := []string{"1.5.8", "1.5.8 --live", "1.7.14", "1.7.14 --no-live", "1.8.8 --no-html"}
	if d := cmp.Diff(want, titles(app.Candidates(all))); d != "" {
		t.Error(d)
	}
}

func TestClosest(t *testing.T) {
	all := specs("1.7.14", "1.7.14 --no-live", "1.7.14 --no-ecto", "1.7.14 --binary-id", "1.5.8 --live")
	for _, tc := range []struct {
		version string
		want    phoenix.Flags
		got     string
	}{
		{"1.7.14", phoenix.Flags{"adapter": "cowboy"}, "1.7.14"},
		{"1.7.14", phoenix.Flags{"binary_id": "true", "gettext": "false"}, "1.7.14 --binary-id"},
		{"1.7.14", phoenix.Flags{"ecto": "false", "live": "false"}, "1.7.14 --no-ecto"},
		{"1.5.8", nil, "1.5.8 --live"},
	} {
		s, ok := Closest(all, phoenix.Project, phoenix.MustVersion(tc.version), tc.want)
		if !ok || titles([]phoenix.Spec{s})[0] != tc.got {
			t.Errorf("%s %s: got %v, want %s", tc.version, tc.want, titles([]phoenix.Spec{s}), tc.got)
		}
	}
	if s, ok := Closest(all, phoenix.Project, phoenix.MustVersion("1.8.8"), nil); ok {
		t.Errorf("a version that is not there: %v", s)
	}
}

// lister is a source with the fixtures; fails are versions that it cannot read.
type lister struct {
	trees []*phoenix.Tree
	fails string
}

func (lister) Name() string { return "fixtures" }

func (l lister) Versions(context.Context, phoenix.Axis) ([]phoenix.Version, error) { return nil, nil }

func (l lister) Specs(context.Context) ([]phoenix.Spec, error) {
	var out []phoenix.Spec
	for _, t := range l.trees {
		s := t.Spec
		s.App, s.Module = "", ""
		out = append(out, s)
	}
	return out, nil
}

func (l lister) Tree(_ context.Context, s phoenix.Spec) (*phoenix.Tree, error) {
	if s.Version.String() == l.fails {
		return nil, errors.New("disk on fire")
	}
	for _, t := range l.trees {
		if t.Spec.Version == s.Version && t.Spec.Flags.String() == s.Flags.String() {
			return t, nil
		}
	}
	return nil, errors.New("not there")
}

func TestSearchPassesOverWhatCannotBeRead(t *testing.T) {
	mine := phoenixtest.Orchard(t)
	app := inspect(t, mine)
	r, notes, err := Search(t.Context(), app, mine, lister{phoenixtest.Trees(t), "1.8.8"})
	if err != nil || r.Base().Version.String() != "1.6.16" || len(r.Matches) != 3 {
		t.Errorf("got %v, %v", r.Matches, err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "disk on fire") {
		t.Errorf("notes %q", notes)
	}
	if _, _, err := Search(t.Context(), app, mine, lister{}); !errors.Is(err, ErrNoTrees) {
		t.Errorf("without a list: %v", err)
	}
}

func TestTreeTakesTheClosestAndSaysSo(t *testing.T) {
	app := App{Name: "till", Module: "Till", Flags: phoenix.Flags{"dashboard": "false"}}
	v := phoenix.MustVersion("1.7.14")
	want := app.Spec(v, app.For(v))
	tree, notes, err := Tree(t.Context(), lister{trees: phoenixtest.Trees(t)}, want, want.Flags)
	if err != nil || tree.Spec.Version != v || len(notes) != 1 || !strings.Contains(notes[0], "--no-dashboard") {
		t.Errorf("got %v, %q, %v", tree, notes, err)
	}
	if _, _, err := Tree(t.Context(), lister{}, want, want.Flags); err == nil {
		t.Error("a source with nothing gave a tree")
	}
}

func FuzzInspect(f *testing.F) {
	f.Add("[app: :till, {:phoenix, \"~> 1.7\"}]", "defmodule Till do", string(token("Till.Accounts.User", "users").Data))
	f.Add("[apps_path: \"../..\"]", "", "")
	f.Fuzz(func(t *testing.T, mix, lib, token string) {
		tree := &phoenix.Tree{Files: map[string]phoenix.File{
			"mix.exs": file(mix), "lib/till.ex": file(lib), "apps/a/mix.exs": file(mix), "lib/till/accounts/user_token.ex": file(token),
			"lib/till_web/user_auth.ex": file("defmodule TillWeb.UserAuth do\nend\n"), "lib/till_web/router.ex": file(token),
		}}
		app, err := Inspect(tree)
		if err == nil && (app.Name == "" || app.Module == "") {
			t.Errorf("no names and no error: %+v", app)
		}
		for _, r := range phoenix.Releases() {
			if _, _, err := r.Fit(phoenix.Project, app.For(r.Version)); err != nil {
				t.Errorf("%s would not take %s: %v", r.Version, app.For(r.Version), err)
			}
			for _, g := range app.Also {
				if _, _, err := r.Fit(g.Axis, g.For(r.Version)); err != nil && r.Switches(g.Axis) != nil {
					t.Errorf("%s of %s would not take %s: %v", g, r.Version, g.For(r.Version), err)
				}
			}
		}
	})
}

// BenchmarkFind600 compares an application with six hundred trees, of which most files are the same.
func BenchmarkFind600(b *testing.B) {
	var trees []*phoenix.Tree
	for i := range 600 {
		t := phoenixtest.Tree(b, phoenixtest.Names[i*len(phoenixtest.Names)/600])
		t.Spec.Version.Patch = i
		f := t.Files["config/config.exs"]
		t.Files["config/config.exs"] = phoenix.File{Data: append(bytes.Clone(f.Data), fmt.Sprintf("# %d\n", i)...)}
		trees = append(trees, t)
	}
	mine := phoenixtest.Orchard(b)
	app := inspect(b, mine)
	b.ResetTimer()
	for b.Loop() {
		if _, err := Find(b.Context(), app, mine, trees); err != nil {
			b.Fatal(err)
		}
	}
}
