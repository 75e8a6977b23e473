package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/nearest"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/report"
)

// zeros is where secrets come from in the tests.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func comparison(t testing.TB, from, to string) *report.Diff {
	t.Helper()
	d := &report.Diff{From: phoenixtest.Tree(t, from), To: phoenixtest.Tree(t, to), Notes: []string{"a note"}}
	d.From.Provenance.Notes = []string{"a note of the tree's"}
	var err error
	if d.Pairs, err = diff.Trees(d.From, d.To, diff.Options{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func search(t testing.TB) *report.Nearest {
	t.Helper()
	mine := phoenixtest.Orchard(t)
	app, err := nearest.Inspect(mine)
	if err != nil {
		t.Fatal(err)
	}
	r, err := nearest.Find(t.Context(), app, mine, phoenixtest.Trees(t))
	if err != nil {
		t.Fatal(err)
	}
	return &report.Nearest{Dir: "/src/orchard", App: app, Result: r}
}

func upgrade(t testing.TB) *report.Upgrade {
	t.Helper()
	n := search(t)
	u := &report.Upgrade{
		Dir: n.Dir, App: n.App, Nearest: &n.Result, BaseFrom: report.Found(n.Result), Done: []string{"mix.exs"}, Show: []string{"config/config.exs"},
		Base: phoenixtest.Named(t, "1.6.16/default", "orchard", "Orchard"), New: phoenixtest.Named(t, "1.7.14/default", "orchard", "Orchard"),
	}
	var err error
	if u.Plan, err = merge.Classify(u.Base, u.New, phoenixtest.Orchard(t), merge.Options{Rand: zeros{}}); err != nil {
		t.Fatal(err)
	}
	return u
}

// golden compares with a file of testdata, which UPDATE_GOLDEN=1 writes.
func golden(t *testing.T, name string, write func(*bytes.Buffer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(at, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s; UPDATE_GOLDEN=1 writes it (-want +got):\n%s", at, d)
	}
}

func TestGolden(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"stat.txt": func(b *bytes.Buffer) error {
			return comparison(t, "1.6.16/default", "1.7.14/default").Stat(b, report.Options{})
		},
		"text.txt": func(b *bytes.Buffer) error {
			d := comparison(t, "1.6.16/default", "1.7.14/default")
			d.Keep(report.Web)
			return d.Text(b, report.Options{Width: 80})
		},
		"colour.txt": func(b *bytes.Buffer) error {
			d := comparison(t, "1.7.14/default", "1.8.8/default")
			d.Keep(report.Config)
			return d.Text(b, report.Options{Width: 60, Color: true})
		},
		"diff.json": func(b *bytes.Buffer) error {
			d := comparison(t, "1.6.16/default", "1.7.14/default")
			d.Keep(report.Tests)
			return d.JSON(b)
		},
		"nearest.txt":  func(b *bytes.Buffer) error { return search(t).Text(b, report.Options{Width: 100}) },
		"nearest.json": func(b *bytes.Buffer) error { return search(t).JSON(b) },
		"upgrade.txt":  func(b *bytes.Buffer) error { return upgrade(t).Text(b, report.Options{}) },
		"upgrade.json": func(b *bytes.Buffer) error {
			u := upgrade(t)
			u.Keep(report.Tests)
			u.Nearest = nil
			u.Written = []merge.Written{{Path: "config/config.exs", Conflicts: 2, Left: "lib/old.ex"}}
			return u.JSON(b)
		},
		"wrote.txt": func(b *bytes.Buffer) error {
			u := &report.Upgrade{Written: []merge.Written{{Path: "mix.exs"}, {Path: "config/config.exs", Conflicts: 1, Left: "lib/old.ex"}}}
			return u.Wrote(b, report.Options{})
		},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, write) })
	}
}

func TestEveryLineFits(t *testing.T) {
	for width := 20; width < 130; width += 13 {
		var b bytes.Buffer
		for _, write := range []func() error{
			func() error {
				return comparison(t, "1.6.16/default", "1.8.8/default").Text(&b, report.Options{Width: width})
			},
			func() error { return upgrade(t).Text(&b, report.Options{Width: width}) },
			func() error { return search(t).Text(&b, report.Options{Width: width}) },
			func() error { return (&report.Versions{Axis: phoenix.Project}).Text(&b, report.Options{Width: width}) },
		} {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		for l := range strings.Lines(b.String()) {
			if n := runewidth.StringWidth(strings.TrimSuffix(l, "\n")); n > width {
				t.Errorf("%d cells of %d: %q", n, width, l)
			}
		}
	}
}

// hostile is text that would do things to a terminal.
const hostile = "\x1b]0;owned\x07\x1b[31m\u202eevil\x00\r"

func TestNothingFromOutsideReachesTheTerminalRaw(t *testing.T) {
	d := comparison(t, "1.6.16/default", "1.7.14/default")
	bad := phoenix.File{Data: []byte("defmodule A do\n  " + strings.ReplaceAll(hostile, "\x00", "") + "\nend\n")}
	d.To.Files["lib/"+hostile[:12]+".ex"] = bad
	d.To.Files["config/dev.exs"] = bad
	d.To.Provenance = phoenix.Provenance{Source: hostile, Detail: hostile, Notes: []string{hostile}}
	d.Notes = []string{hostile}
	var err error
	if d.Pairs, err = diff.Trees(d.From, d.To, diff.Options{}); err != nil {
		t.Fatal(err)
	}
	n := search(t)
	n.Dir, n.App.Name, n.App.Requirement, n.Notes = hostile, hostile, hostile, []string{hostile}
	n.App.Flags = phoenix.Flags{"ecto": hostile}
	n.Result.Files = append(n.Result.Files, nearest.File{Path: hostile})
	mine := phoenixtest.Orchard(t)
	mine.Files["config/dev.exs"] = phoenix.File{Data: bytes.ReplaceAll(mine.Files["config/dev.exs"].Data, []byte("config"), []byte("config"+strings.ReplaceAll(hostile, "\x00", "")))}
	u := upgrade(t)
	u.New.Files["config/dev.exs"] = bad
	u.Dir, u.App, u.BaseFrom, u.Notes, u.Show = hostile, n.App, hostile, []string{hostile}, []string{"config/dev.exs"}
	u.Written = []merge.Written{{Path: hostile, Left: hostile}}
	if u.Plan, err = merge.Classify(u.Base, u.New, mine, merge.Options{Rand: zeros{}}); err != nil {
		t.Fatal(err)
	}
	v := &report.Versions{Axis: phoenix.Project, Notes: []string{hostile}, Specs: []phoenix.Spec{{Axis: phoenix.Project, Version: phoenix.MustVersion("1.7.14"), Flags: phoenix.Flags{"ecto": hostile}}}}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"stat":          func(b *bytes.Buffer) error { return d.Stat(b, report.Options{}) },
		"text":          func(b *bytes.Buffer) error { return d.Text(b, report.Options{}) },
		"diff JSON":     func(b *bytes.Buffer) error { return d.JSON(b) },
		"nearest":       func(b *bytes.Buffer) error { return n.Text(b, report.Options{}) },
		"nearest JSON":  func(b *bytes.Buffer) error { return n.JSON(b) },
		"upgrade":       func(b *bytes.Buffer) error { return u.Text(b, report.Options{}) },
		"upgrade JSON":  func(b *bytes.Buffer) error { return u.JSON(b) },
		"wrote":         func(b *bytes.Buffer) error { return u.Wrote(b, report.Options{}) },
		"versions":      func(b *bytes.Buffer) error { return v.Text(b, report.Options{}) },
		"versions JSON": func(b *bytes.Buffer) error { return v.JSON(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if !strings.Contains(text, "evil") {
			t.Errorf("%s does not have the text at all", name)
		}
		for _, c := range []string{"\x1b", "\x07", "\u202e", "\x00", "\r", `\u001b`, `\u0007`, `\u0000`} {
			if strings.Contains(text, c) {
				t.Errorf("%s has %q", name, c)
			}
		}
	}
}

func TestJSONIsOneObject(t *testing.T) {
	v := &report.Versions{Axis: phoenix.Auth, Have: []phoenix.Version{phoenix.MustVersion("9.0.0")}}
	var b bytes.Buffer
	if err := v.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Versions []struct {
			Version   string
			Known     bool
			Available bool
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	last := got.Versions[len(got.Versions)-1]
	if got.Versions[0].Version != "1.5.2" || last.Version != "9.0.0" || last.Known || !last.Available {
		t.Errorf("from %+v to %+v: want those with phx.gen.auth, and the one that only a source knows", got.Versions[0], last)
	}
}

func TestAuthenticationOfOtherNamesIsKept(t *testing.T) {
	u := &report.Upgrade{App: nearest.App{Also: []nearest.Generated{{Axis: phoenix.Auth, Names: phoenix.Names{Context: "Members", Schema: "ShopAdmin", Plural: "shop_admins"}}}}}
	for _, p := range []string{
		"lib/till/members/shop_admin.ex", "lib/till/members/shop_admin_token.ex", "lib/till_web/live/shop_admin_live/login.ex", "test/till_web/live/shop_admin_login_live_test.exs",
		"lib/till_web/controllers/shop_admin_session_html/new.html.heex", "lib/till_web/router.ex", "lib/till/shop_administration.ex", "config/shop_admin.exs",
	} {
		u.Plan.Files = append(u.Plan.Files, merge.File{Mine: p})
	}
	u.Keep(report.Auth)
	var got []string
	for _, f := range u.Plan.Files {
		got = append(got, f.Path())
	}
	if want := []string{
		"lib/till/members/shop_admin.ex", "lib/till/members/shop_admin_token.ex", "lib/till_web/live/shop_admin_live/login.ex",
		"test/till_web/live/shop_admin_login_live_test.exs", "lib/till_web/controllers/shop_admin_session_html/new.html.heex",
	}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestKinds(t *testing.T) {
	for path, want := range map[string][]report.Kind{
		"config/runtime.exs":                   {report.Config},
		"mix.exs":                              {report.Config},
		"rel/overlays/bin/server":              {report.Config},
		"apps/till/config/config.exs":          {report.Config},
		"apps/till/mix.exs":                    {report.Config},
		"lib/till/mix.exs":                     {report.Domain},
		"assets/js/app.js":                     {report.Assets},
		"priv/static/favicon.ico":              {report.Assets},
		"test/till_web/user_auth_test.exs":     {report.Auth, report.Tests},
		"lib/till_web/user_auth.ex":            {report.Auth, report.Web},
		"lib/till/accounts/user_token.ex":      {report.Auth, report.Domain},
		"lib/till/accounts/user_notifier.ex":   {report.Auth, report.Domain},
		"lib/till/accounts/scope.ex":           {report.Auth, report.Domain},
		"lib/till/accounts.ex":                 {report.Auth, report.Domain},
		"lib/till_web/live/user_live/login.ex": {report.Auth, report.Web},
		"lib/till_web/live/user_login_live.ex": {report.Auth, report.Web},
		"priv/repo/migrations/20260101000000_create_users_auth_tables.exs": {report.Auth},
		"lib/till_web.ex":                      {report.Web},
		"lib/till_web/router.ex":               {report.Web},
		"apps/till_web/lib/till_web/router.ex": {report.Web},
		"web/router.ex":                        {report.Web},
		"web/static/js/app.js":                 {report.Assets},
		"lib/till/repo.ex":                     {report.Domain},
		"README.md":                            nil,
	} {
		var got []report.Kind
		for _, k := range report.Kinds {
			if k.Of(path) {
				got = append(got, k)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

// full takes nothing.
type full struct{}

var errFull = errors.New("no space")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAWriterThatFailsIsAnError(t *testing.T) {
	d := comparison(t, "1.6.16/default", "1.7.14/default")
	for name, err := range map[string]error{
		"text":  d.Text(full{}, report.Options{}),
		"JSON":  d.JSON(full{}),
		"patch": d.Patch(full{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
