package source

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

// fake is a source with a fixed answer.
type fake struct {
	name string
	tree *phoenix.Tree
	err  error
}

func (f fake) Name() string { return f.name }
func (f fake) Versions(context.Context, phoenix.Axis) ([]phoenix.Version, error) {
	return []phoenix.Version{phoenix.MustVersion("1.7.14"), phoenix.MustVersion("1.8.8")}, f.err
}

func (f fake) Tree(context.Context, phoenix.Spec) (*phoenix.Tree, error) {
	if f.err != nil {
		return nil, f.err
	}
	t := *f.tree
	return &t, nil
}

func TestSourcesAreTriedInOrder(t *testing.T) {
	good := fake{name: "good", tree: phoenixtest.Tree(t, "1.7.14/default")}
	none := fake{name: "none", err: ErrNone}
	broken := fake{name: "broken", err: errors.New("out of order")}
	empty := fake{name: "empty", tree: &phoenix.Tree{}}
	for _, c := range []struct {
		chain Chain
		notes []string
		err   string
		none  bool
	}{
		{Chain{good, broken}, nil, "", false},
		{Chain{none, good}, nil, "", false},
		{Chain{broken, none, good}, []string{"broken failed: out of order"}, "", false},
		{Chain{empty, good}, []string{"empty failed: the tree has no files"}, "", false},
		{Chain{none, broken}, nil, "Phoenix 1.7.14: none: not there; broken: out of order", true},
		{Chain{none}, nil, "Phoenix 1.7.14: none: not there", true},
		{nil, nil, "Phoenix 1.7.14: not there: no source of generated trees is configured", true},
	} {
		tree, err := c.chain.Tree(t.Context(), phoenix.Spec{Version: phoenix.MustVersion("1.7.14")})
		if c.err != "" {
			if err == nil || err.Error() != c.err || errors.Is(err, ErrNone) != c.none {
				t.Errorf("%s: got %v, want %s", c.chain.Name(), err, c.err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.chain.Name(), err)
		}
		if d := cmp.Diff(c.notes, tree.Provenance.Notes); d != "" || tree.Provenance.Detail != "1.7.14/default" {
			t.Errorf("%s: %+v %s", c.chain.Name(), tree.Provenance, d)
		}
	}
	vv, err := Chain{good, broken}.Versions(t.Context(), phoenix.Project)
	if len(vv) != 2 || err == nil || !strings.Contains(err.Error(), "broken: out of order") {
		t.Errorf("versions %v %v", vv, err)
	}
}

func TestWhatIsAskedForIsChecked(t *testing.T) {
	v := phoenix.MustVersion("1.7.14")
	for name, c := range map[string]struct {
		spec phoenix.Spec
		want string
	}{
		"no version":          {phoenix.Spec{}, "which version"},
		"an unknown flag":     {phoenix.Spec{Version: v, Flags: phoenix.Flags{"webpack": "true"}}, "does not know --webpack"},
		"a name as a flag":    {phoenix.Spec{Version: v, Flags: phoenix.Flags{"app": "x"}}, "application's name"},
		"a flag in a value":   {phoenix.Spec{Version: v, Flags: phoenix.Flags{"database": "--mysql"}}, "no flag of a generator"},
		"a space in a value":  {phoenix.Spec{Version: v, Flags: phoenix.Flags{"database": "mysql x"}}, "no flag of a generator"},
		"a flag as a name":    {phoenix.Spec{Version: v, App: "--umbrella"}, "no name of an application"},
		"a path as a name":    {phoenix.Spec{Version: v, App: "../x"}, "no name of an application"},
		"a flag as a module":  {phoenix.Spec{Version: v, App: "x", Module: "--x"}, "no name of a module"},
		"a module in modules": {phoenix.Spec{Version: v, App: "x", Module: "My.App"}, ""},
		"no such generator":   {phoenix.Spec{Version: phoenix.MustVersion("1.5.0"), Axis: phoenix.Auth}, "phoenix 1.5.0 has no phx.gen.auth"},
		"a flag as a context": {phoenix.Spec{Version: v, Axis: phoenix.Auth, Names: phoenix.Names{Context: "--web", Schema: "User", Plural: "users"}}, "does not name a context"},
		"a path as a plural":  {phoenix.Spec{Version: v, Axis: phoenix.Auth, Names: phoenix.Names{Context: "Accounts", Schema: "User", Plural: "../x"}}, "does not name a context"},
		"half of the names":   {phoenix.Spec{Version: v, Axis: phoenix.Auth, Names: phoenix.Names{Context: "Accounts"}}, "does not name a context"},
		"users without pages": {phoenix.Spec{Version: v, Axis: phoenix.Auth, Within: phoenix.Flags{"html": "false"}}, "needs a project with a database and with pages"},
		"a project's flag":    {phoenix.Spec{Version: v, Axis: phoenix.Auth, Within: phoenix.Flags{"webpack": "true"}}, "the project that phx.gen.auth is to be run in"},
	} {
		_, _, err := Fit(c.spec)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	fit, _, err := Fit(phoenix.Spec{Version: v, Flags: phoenix.Flags{"live": "true", "ecto": "false"}, App: "chat_api"})
	want := phoenix.Spec{Axis: phoenix.Project, Version: v, Flags: phoenix.Flags{"ecto": "false"}, App: "chat_api", Module: "ChatApi"}
	if d := cmp.Diff(want, fit); err != nil || d != "" {
		t.Error(err, d)
	}
	// What the project is without, is not generated into it.
	fit, _, err = Fit(phoenix.Spec{Axis: phoenix.Auth, Version: v, Within: phoenix.Flags{"live": "false"}, App: "till"})
	want = phoenix.Spec{Axis: phoenix.Auth, Version: v, Flags: phoenix.Flags{"live": "false"}, App: "till", Module: "Till", Names: phoenix.DefaultNames, Within: phoenix.Flags{"live": "false"}}
	if d := cmp.Diff(want, fit); err != nil || d != "" {
		t.Error(err, d)
	}
	if got := Title(fit); got != "Phoenix 1.7.14 phx.gen.auth Accounts User users --no-live in a project with --no-live" {
		t.Error(got)
	}
}

func TestDirectoriesNameTrees(t *testing.T) {
	for at, want := range map[string]string{
		"new/1.7.14/default/mix.exs":                             "new/1.7.14/default mix.exs",
		"new/1.7.14/no-ecto/lib/a/b.ex":                          "new/1.7.14/no-ecto lib/a/b.ex",
		"new/1.7.14/database=mysql+no-html/x":                    "new/1.7.14/database=mysql+no-html x",
		"new/1.7.14/no-html+database=mysql/x":                    "new/1.7.14/database=mysql+no-html x",
		"new/1.7.14/live/x":                                      "new/1.7.14/default x",
		"auth/1.7.14/no-live/lib/x.ex":                           "auth/1.7.14/no-live lib/x.ex",
		"trees-main/release/1.7.14/default/Dockerfile":           "release/1.7.14/default Dockerfile",
		"1.7.14/default/new/1.7.15/default/x":                    "new/1.7.14/default new/1.7.15/default/x",
		"priv/data/sample-app/1.5.0-rc.0/default/x":              "new/1.5.0-rc.0/live x",
		"phoenix-diff-main/priv/data/sample-app/1.0.0/default/x": "new/1.0.0/default x",
		"data/sample-app/1.2.1/default/x":                        "new/1.2.1/default x",
		"new/1.7.14/no-such-flag/x":                              "new/1.7.14/no-such-flag x",
		"new/1.7.14/such-flag/x":                                 "",
		"auth/1.5.0/default/x":                                   "",
		"auth/1.8.8/no-live@binary-id+umbrella/x":                "auth/1.8.8/no-live@binary-id+umbrella x",
		"auth/1.8.8/default@no-live/x":                           "auth/1.8.8/no-live@no-live x",
		"release/1.8.8/docker/Dockerfile":                        "release/1.8.8/docker Dockerfile",
		"auth/1.8.8/default@no-ecto/x":                           "",
		"new/1.8.8/default@no-live/x":                            "",
		"other/place/1.7.14/default/x":                           "",
		"new/1.7/default/x":                                      "",
		"new/1.7.14/default":                                     "",
		"new/1.7.14":                                             "",
		"new/1.7.14/default/":                                    "",
		"new/1.7.14//x":                                          "",
		"":                                                       "",
	} {
		var lay places
		for range 2 { // the second time from what it remembers
			at2, rest2, ok2 := lay.of(at)
			if one, rest, ok := placeOf(at); ok != ok2 || rest != rest2 && ok || compareSpecs(one.spec, at2.spec) != 0 && ok {
				t.Errorf("%s is %+v %q, remembered %+v %q", at, one, rest, at2, rest2)
			}
		}
		at, rest, ok := placeOf(at)
		got := ""
		if ok {
			got = Dir(at.spec) + " " + rest
		}
		if want == "new/1.7.14/no-such-flag x" {
			want = "new/1.7.14/default x" // a flag that the version does not know, turned off
		}
		if got != want {
			t.Errorf("%s reads as %q, want %q", at.dir, got, want)
		}
	}
}

func TestDirOfASpecReadsBack(t *testing.T) {
	releases := phoenix.Releases()
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(releases).Draw(t, "release")
		a := rapid.SampledFrom(phoenix.Axes()).Draw(t, "axis")
		flags := phoenix.Flags{}
		for _, s := range r.Switches(a) {
			if !rapid.Bool().Draw(t, s.Name) {
				continue
			}
			flags[s.Name] = rapid.SampledFrom([]string{"true", "false"}).Draw(t, "value")
			if s.Value {
				flags[s.Name] = rapid.SampledFrom([]string{"mysql", "x.y", "bandit"}).Draw(t, "value")
			}
		}
		within := phoenix.Flags{}
		for _, name := range []string{"umbrella", "binary_id", "live"} {
			if _, ok := r.Switch(phoenix.Project, name); ok && rapid.Bool().Draw(t, "within "+name) {
				within[name] = rapid.SampledFrom([]string{"true", "false"}).Draw(t, "value")
			}
		}
		s, _, err := Fit(phoenix.Spec{Axis: a, Version: r.Version, Flags: flags, Within: within})
		if err != nil {
			return
		}
		s.Names = phoenix.Names{} // a directory says nothing of them
		at, rest, ok := placeOf(Dir(s) + "/mix.exs")
		if !ok || rest != "mix.exs" || compareSpecs(at.spec, s) != 0 {
			t.Fatalf("%s reads as %+v", Dir(s), at)
		}
	})
}
