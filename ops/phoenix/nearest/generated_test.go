package nearest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source"
)

func token(module, table string) phoenix.File {
	return file("defmodule " + module + "Token do\n  use Ecto.Schema\n\n  schema \"" + table + "_tokens\" do\n    field :token, :binary\n  end\n\n  def build_session_token(user), do: user\nend\n")
}

func TestWhatOtherGeneratorsMadeIsFound(t *testing.T) {
	mix := func(deps string) phoenix.File {
		return file("defmodule Till.MixProject do\n  def project, do: [app: :till, deps: deps()]\n  defp deps, do: [{:phoenix, \"~> 1.7.14\"}, " + deps + "]\nend\n")
	}
	auth := func(module string) phoenix.File { return file("defmodule " + module + " do\nend\n") }
	for name, c := range map[string]struct {
		files map[string]phoenix.File
		want  []Generated
	}{
		"nothing": {files: map[string]phoenix.File{"mix.exs": mix("{:ecto_sql, \"~> 3\"}"), "lib/till_web/plugs/basic_auth.ex": auth("TillWeb.BasicAuth")}},
		"as documented, with pages that are live": {
			files: map[string]phoenix.File{
				"mix.exs": mix("{:bcrypt_elixir, \"~> 3\"}"), "lib/till.ex": auth("Till"),
				"lib/till/accounts/user_token.ex": token("Till.Accounts.User", "users"), "lib/till_web/user_auth.ex": auth("TillWeb.UserAuth"),
				"lib/till_web/live/user_login_live.ex": auth("TillWeb.UserLoginLive"),
			},
			want: []Generated{{Axis: phoenix.Auth, Names: phoenix.DefaultNames, Flags: phoenix.Flags{"live": "true", "hashing_lib": "bcrypt"}}},
		},
		"of names, a table, a namespace and a key of its own": {
			files: map[string]phoenix.File{
				"mix.exs": mix("{:argon2_elixir, \"~> 3\"}"), "lib/till.ex": auth("Till"),
				"lib/till/shop/members/admin_token.ex":                      file(strings.Replace(string(token("Till.Shop.Members.Admin", "shop_admins").Data), "  schema", "  @primary_key {:id, :binary_id, autogenerate: true}\n  schema", 1)),
				"lib/till_web/back/admin_auth.ex":                           auth("TillWeb.Back.AdminAuth"),
				"lib/till_web/controllers/back/admin_session_controller.ex": auth("TillWeb.Back.AdminSessionController"),
				"lib/till_web/router.ex":                                    file("get \"/admins/settings\", AdminSettingsController, :edit\npost \"/admins/log_in\", X, :create\nget \"/settings\", Y, :x\n"),
				"lib/till/api/api_token.ex":                                 file("defmodule Till.Api.ApiToken do\nend\n"),
				"test/support/user_token.ex":                                token("Till.Accounts.User", "users"),
				"lib/till/accounts/user_token.ex":                           token("Till.Accounts.User", "users"), // nobody logs in with it
			},
			want: []Generated{{
				Axis: phoenix.Auth, Names: phoenix.Names{Context: "Shop.Members", Schema: "Admin", Plural: "admins"},
				Flags: phoenix.Flags{"live": "false", "hashing_lib": "argon2", "table": "shop_admins", "web": "Back", "binary_id": "true"},
			}},
		},
		"a release with an image": {
			files: map[string]phoenix.File{
				"mix.exs": mix("{:ecto_sql, \"~> 3\"}"), "lib/till.ex": auth("Till"), "rel/overlays/bin/server": file("#!/bin/sh\n"), "rel/overlays/bin/migrate": file("#!/bin/sh\n"),
				"Dockerfile": file("# Find eligible builder and runner images on Docker Hub.\nARG BUILDER_IMAGE=\"x\"\n"),
			},
			want: []Generated{{Axis: phoenix.ReleaseFiles, Flags: phoenix.Flags{"ecto": "true", "docker": "true"}}},
		},
		"a release without a database, and an image of one's own": {
			files: map[string]phoenix.File{
				"mix.exs": mix("{:jason, \"~> 1\"}"), "lib/till.ex": auth("Till"), "rel/overlays/bin/server": file("#!/bin/sh\n"), "Dockerfile": file("FROM elixir\n"),
			},
			want: []Generated{{Axis: phoenix.ReleaseFiles, Flags: phoenix.Flags{"ecto": "false", "docker": "false"}}},
		},
	} {
		c.files["lib/till_web.ex"] = file("defmodule TillWeb do\nend\n")
		app := inspect(t, &phoenix.Tree{Files: c.files})
		if d := cmp.Diff(c.want, app.Also); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestFlagsOfAnotherGeneratorAreThoseThatAVersionKnows(t *testing.T) {
	g := Generated{Axis: phoenix.Auth, Names: phoenix.DefaultNames, Flags: phoenix.Flags{"live": "false", "hashing_lib": "argon2", "web": "Back"}}
	app := App{Name: "till", Module: "Till"}
	for version, want := range map[string]string{
		"1.5.8": "--hashing-lib argon2 --web Back", "1.6.16": "--hashing-lib argon2 --web Back", "1.8.8": "--hashing-lib argon2 --no-live --web Back", "1.4.0": "",
	} {
		s := g.Spec(app, phoenix.MustVersion(version), phoenix.Flags{"binary_id": "true"})
		if got := s.Flags.String(); got != want || s.App != "till" || s.Within["binary_id"] != "true" || s.Names != g.Names {
			t.Errorf("%s: %q, want %q: %+v", version, got, want, s)
		}
	}
}

// snapshot has small trees of projects and of what else is generated into them, laid out as docs/generator.md says.
func snapshot(t *testing.T, trees map[string]map[string]string) source.Chain {
	t.Helper()
	dir := t.TempDir()
	for at, files := range trees {
		all := map[string]phoenix.File{}
		for p, text := range files {
			all[p] = file(text)
		}
		phoenixtest.Write(t, filepath.Join(dir, filepath.FromSlash(at)), all)
	}
	return source.Chain{source.NewSnapshot(dir, source.Options{Cache: &source.Cache{}})}
}

func TestWhatElseWasGeneratedIsPartOfAnUpgrade(t *testing.T) {
	from := snapshot(t, map[string]map[string]string{
		"new/1.4.17/default":    {"mix.exs": "m", "router.ex": "old"},
		"new/1.7.14/default":    {"mix.exs": "m", "router.ex": "one"},
		"new/1.8.8/default":     {"mix.exs": "m", "router.ex": "two"},
		"auth/1.7.14/no-live":   {"router.ex": "one with users", "lib/sample_app/user_auth.ex": "def log_in(conn, user) do\n  token = build(user)\nend\n"},
		"auth/1.8.8/no-live":    {"router.ex": "two with users", "lib/sample_app/user_auth.ex": "def log_in(conn, user) do\n  token = scoped(user)\nend\n", "lib/sample_app/scope.ex": "s"},
		"auth/1.8.8/default":    {"router.ex": "live"},
		"release/1.8.8/default": {"rel/overlays/bin/server": "x"},
	})
	app := App{Name: "till", Module: "Till", Also: []Generated{
		{Axis: phoenix.Auth, Names: phoenix.DefaultNames, Flags: phoenix.Flags{"live": "false"}},
		{Axis: phoenix.ReleaseFiles, Flags: phoenix.Flags{"docker": "false", "ecto": "true"}},
	}}
	mine := &phoenix.Tree{Files: map[string]phoenix.File{"mix.exs": file("m"), "lib/till/user_auth.ex": file("def log_in(conn, user) do\n  token = build(user)\nend\nown\n")}}
	get := func(version string) *phoenix.Tree {
		tree, err := from.Tree(t.Context(), app.Spec(phoenix.MustVersion(version), nil))
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	texts := func(tree *phoenix.Tree) map[string]string {
		out := map[string]string{}
		for p, f := range tree.Files {
			out[p] = string(f.Data)
		}
		return out
	}
	for name, c := range map[string]struct {
		base, said string
		old, new   map[string]string
		notes      []string
	}{
		"of one version": {
			base: "1.7.14",
			old:  map[string]string{"mix.exs": "m", "router.ex": "one with users", "lib/till/user_auth.ex": "def log_in(conn, user) do\n  token = build(user)\nend\n"},
			new:  map[string]string{"mix.exs": "m", "router.ex": "two with users", "lib/till/user_auth.ex": "def log_in(conn, user) do\n  token = scoped(user)\nend\n", "lib/till/scope.ex": "s"},
			notes: []string{
				"with what mix phx.gen.auth Accounts User users makes, from 1.7.14, of which 67 % of its lines are in the application (confidence: fair); and 1.8.8",
				"what mix phx.gen.release made is compared with nothing",
			},
		},
		"of a project that is older": {
			base:  "1.4.17",
			old:   map[string]string{"mix.exs": "m", "router.ex": "old", "lib/till/user_auth.ex": "def log_in(conn, user) do\n  token = build(user)\nend\n"},
			new:   map[string]string{"mix.exs": "m", "router.ex": "two", "lib/till/user_auth.ex": "def log_in(conn, user) do\n  token = scoped(user)\nend\n", "lib/till/scope.ex": "s"},
			notes: []string{"from 1.7.14, of which", "has no mix phx.gen.release: say which version"},
		},
		"of a version that nobody has": {
			base: "1.7.14", said: "1.7.10",
			old:   map[string]string{"mix.exs": "m", "router.ex": "one"},
			new:   map[string]string{"mix.exs": "m", "router.ex": "two"},
			notes: []string{"what mix phx.gen.auth Accounts User users made is compared with nothing", "phx.gen.release made"},
		},
	} {
		bases := map[phoenix.Axis]phoenix.Version{}
		if c.said != "" {
			bases[phoenix.Auth] = phoenix.MustVersion(c.said)
		}
		old, new := get(c.base), get("1.8.8")
		was := len(old.Files)
		base, next, notes, err := app.Over(t.Context(), from, mine, old, new, bases)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.old, texts(base)) + cmp.Diff(c.new, texts(next)); d != "" || len(old.Files) != was {
			t.Errorf("%s: %s", name, d)
		}
		if len(notes) != len(c.notes) {
			t.Fatalf("%s: %q", name, notes)
		}
		for i, n := range c.notes {
			if !strings.Contains(notes[i], n) {
				t.Errorf("%s: %q, want %q", name, notes[i], n)
			}
		}
	}
}

func TestVersionsThatCouldNotBeComparedAreSaid(t *testing.T) {
	spec := func(version string, f phoenix.Flags) phoenix.Spec {
		return phoenix.Spec{Axis: phoenix.Project, Version: phoenix.MustVersion(version), Flags: f}
	}
	live, api := phoenix.Flags{"live": "true"}, phoenix.Flags{"html": "false"}
	specs := []phoenix.Spec{spec("1.4.0", nil), spec("1.5.0", live), spec("1.5.1", live), spec("1.5.2", live), spec("1.5.2", api), spec("1.5.3", api), spec("1.6.0", nil)}
	for _, c := range []struct {
		best phoenix.Spec
		want string
	}{
		{spec("1.5.3", api), "of 1.5.0, 1.5.1 there is no tree with --no-html: the files may"},
		{spec("1.5.1", live), "of 1.5.3 there is no tree with --live"},
		{spec("1.6.0", nil), ""},
	} {
		got := strings.Join(unseen(specs, c.best), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.best.Version, got, c.want)
		}
	}
}

func TestATreeThatIsNotThereIsTheClosestOfThem(t *testing.T) {
	from := snapshot(t, map[string]map[string]string{
		"auth/1.8.8/default":          {"a": "live"},
		"auth/1.8.8/no-live":          {"a": "pages"},
		"auth/1.8.8/no-live@umbrella": {"a": "umbrella"},
		"release/1.8.8/default":       {"a": "scripts"},
		"release/1.8.8/docker":        {"a": "image"},
	})
	for _, c := range []struct {
		axis                phoenix.Axis
		flags, within, want string
		note                string
	}{
		{phoenix.Auth, "--no-live", "", "pages", ""},
		{phoenix.Auth, "--no-live --hashing-lib argon2", "", "pages", "there is no tree with --hashing-lib argon2 --no-live: this is the one with --no-live"},
		{phoenix.Auth, "--no-live", "--umbrella --no-dashboard", "umbrella", "there is no tree with --no-live in a project with --no-dashboard --umbrella: this is the one with --no-live in a project with --umbrella"},
		{phoenix.Auth, "", "--no-dashboard", "live", "with the default flags in a project with --no-dashboard: this is the one with the default flags"},
		{phoenix.ReleaseFiles, "--docker", "--no-dashboard", "image", "this is the one with --docker"},
	} {
		read := func(s string) phoenix.Flags {
			f, err := phoenix.ReadFlags(strings.Fields(s))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		want := phoenix.Spec{Axis: c.axis, Version: phoenix.MustVersion("1.8.8"), App: "till", Module: "Till", Flags: read(c.flags), Within: read(c.within)}
		got, notes, err := Tree(t.Context(), from, want, want.Flags)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if text := string(got.Files["a"].Data); text != c.want || len(notes) > 1 || !strings.Contains(strings.Join(notes, ""), c.note) || c.note == "" && len(notes) > 0 {
			t.Errorf("%s %s: %q, notes %q", c.flags, c.within, text, notes)
		}
	}
}

func TestWhatOneVersionOfAGeneratorChangesIsBesideTheOther(t *testing.T) {
	from := snapshot(t, map[string]map[string]string{
		"new/1.7.14/default":  {"mix.exs": "m", "config/config.exs": "one"},
		"new/1.8.8/default":   {"mix.exs": "m", "config/config.exs": "two", "AGENTS.md": "a", "lib/sample_app/old.ex": "o"},
		"auth/1.7.14/default": {"mix.exs": "mm", "lib/sample_app/old.ex": "u"},
		"auth/1.8.8/default":  {"mix.exs": "mm", "config/config.exs": "two with users", "AGENTS.md": "b"},
	})
	get := func(version string) *phoenix.Tree {
		tree, err := from.Tree(t.Context(), phoenix.Spec{Axis: phoenix.Auth, Version: phoenix.MustVersion(version), App: "till", Module: "Till"})
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	was, is := Beside(t.Context(), from, get("1.7.14"), get("1.8.8"))
	if d := cmp.Diff([]string{"config/config.exs", "lib/till/old.ex", "mix.exs"}, was.Paths()); d != "" || string(was.Files["config/config.exs"].Data) != "one" {
		t.Errorf("%s %q", d, was.Files["config/config.exs"].Data)
	}
	if d := cmp.Diff([]string{"AGENTS.md", "config/config.exs", "lib/till/old.ex", "mix.exs"}, is.Paths()); d != "" || string(is.Files["lib/till/old.ex"].Data) != "o" {
		t.Errorf("%s %q", d, is.Files["lib/till/old.ex"].Data)
	}
	alone := source.Chain{}
	if a, b := Beside(t.Context(), alone, get("1.7.14"), get("1.8.8")); len(a.Files) != 2 || len(b.Files) != 3 {
		t.Errorf("without projects: %v, %v", a.Paths(), b.Paths())
	}
}
