package compare

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source"
)

func file(text string) phoenix.File { return phoenix.File{Data: []byte(text)} }

// withAuth are the fixtures, and generated authentication of two of their versions.
func withAuth(t *testing.T) source.Chain {
	t.Helper()
	dir := t.TempDir()
	for _, name := range phoenixtest.Names {
		phoenixtest.Write(t, filepath.Join(dir, "new", filepath.FromSlash(name)), phoenixtest.Tree(t, name).Files)
	}
	for at, files := range map[string]map[string]phoenix.File{
		"auth/1.6.16/default":   {"lib/sample_app_web/user_auth.ex": file("defmodule SampleAppWeb.UserAuth do\n  alias SampleApp.Accounts\n\n  def log_in_user(conn, user), do: Accounts.then(conn, user)\nend\n")},
		"auth/1.7.14/default":   {"lib/sample_app_web/user_auth.ex": file("defmodule SampleAppWeb.UserAuth do\n  live\nend\n")},
		"auth/1.7.14/no-live":   {"lib/sample_app_web/user_auth.ex": file("defmodule SampleAppWeb.UserAuth do\n  alias SampleApp.Accounts\n\n  def log_in_user(conn, user), do: Accounts.now(conn, user)\nend\n")},
		"release/1.8.8/default": {"rel/overlays/bin/server": file("#!/bin/sh\n")},
	} {
		phoenixtest.Write(t, filepath.Join(dir, filepath.FromSlash(at)), files)
	}
	return source.Chain{source.NewSnapshot(dir, source.Options{Cache: &source.Cache{}})}
}

// guarded is the application of the fixtures, with authentication.
func guarded(t *testing.T) string {
	t.Helper()
	dir := orchard(t)
	phoenixtest.Write(t, dir, map[string]phoenix.File{
		"lib/orchard/accounts/user_token.ex": file("defmodule Orchard.Accounts.UserToken do\n  use Ecto.Schema\n\n  schema \"users_tokens\" do\n    field :token, :binary\n  end\n\n  def build_session_token(user), do: user\nend\n"),
		"lib/orchard_web/user_auth.ex":       file("defmodule OrchardWeb.UserAuth do\n  alias Orchard.Accounts\n\n  def log_in_user(conn, user), do: Accounts.then(conn, user)\nend\n"),
	})
	return dir
}

func TestAuthenticationIsComparedWithTheNamesAndFlagsOfTheProject(t *testing.T) {
	w := start(t, Options{Source: withAuth(t), Dir: guarded(t), State: t.TempDir()})
	w.Ask(Choice{Axis: phoenix.Auth})
	s := until(t, w, "authentication", loaded)
	want := Choice{Axis: phoenix.Auth, From: v("1.6.16"), To: v("1.7.14"), Flags: phoenix.Flags{"live": "false"}, Names: phoenix.DefaultNames}
	if d := cmp.Diff(want, s.Choice); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]phoenix.Version{v("1.6.16"), v("1.7.14")}, s.Versions); d != "" {
		t.Error(d)
	}
	const at = "lib/orchard_web/user_auth.ex"
	if f, ok := s.Plan.File(at); !ok || f.State != merge.Untouched || len(s.Plan.Files) != 1 {
		t.Errorf("%v of %d files", f, len(s.Plan.Files))
	}
	if d := s.Pairs[0]; d.Path() != at || d.Status != diff.Changed || !strings.Contains(string(d.NewFile.Data), "Accounts.now(conn, user)") {
		t.Errorf("%+v", d)
	}
	// Snapshots are made with the names of Phoenix's own documentation.
	w.Ask(Choice{Axis: phoenix.Auth, Names: phoenix.Names{Context: "Members", Schema: "Person", Plural: "people"}})
	if s := until(t, w, "the failure", func(s *Snapshot) bool { return s.Err != nil }); !strings.Contains(s.Err.Error(), "with the names Accounts User users") {
		t.Error(s.Err)
	}
	w.Ask(Choice{})
	if s := until(t, w, "the project", func(s *Snapshot) bool { return loaded(s) && s.Choice.Generator() == phoenix.Project }); len(s.Plan.Files) < 10 || s.Choice.Names != (phoenix.Names{}) {
		t.Errorf("%+v, %d files", s.Choice, len(s.Plan.Files))
	}
}

func TestAuthenticationIsPartOfAnUpgradeOfTheProject(t *testing.T) {
	const at = "lib/orchard_web/user_auth.ex"
	dir, state := guarded(t), t.TempDir()
	w := start(t, Options{Source: withAuth(t), Dir: dir, State: state})
	w.Ask(Choice{From: v("1.6.16"), To: v("1.7.14")})
	s := until(t, w, "the comparison", loaded)
	if f, ok := s.Plan.File(at); !ok || f.State != merge.Untouched {
		t.Errorf("%s is %v", at, f.State)
	}
	var pair *diff.Pair
	for i := range s.Pairs {
		if s.Pairs[i].Path() == at {
			pair = &s.Pairs[i]
		}
	}
	if pair == nil || len(pair.Hunks(3)) == 0 || !strings.Contains(strings.Join(s.Notes, "\n"), "mix phx.gen.auth Accounts User users") {
		t.Errorf("%v, notes %q", pair, s.Notes)
	}
	if err := w.Rebase(at, v("1.7.14")); err != nil {
		t.Fatal(err)
	}
	until(t, w, "the file against another version of what made it", func(s *Snapshot) bool {
		f, _ := s.Plan.File(at)
		return loaded(s) && len(s.Bases) == 1 && f.State != merge.Untouched
	})
}

func TestAGeneratorThatNothingIsKnownOfIsSaid(t *testing.T) {
	w := start(t, Options{Source: fixtures()})
	w.Attend(true)
	until(t, w, "the project", loaded)
	w.Ask(Choice{Axis: phoenix.ReleaseFiles})
	s := until(t, w, "the failure", func(s *Snapshot) bool { return s.Err != nil })
	if !strings.Contains(s.Err.Error(), "no tree of any version of mix phx.gen.release") || s.Wanted.Generator() != phoenix.ReleaseFiles {
		t.Errorf("%v, wanted %+v", s.Err, s.Wanted)
	}
	// There is one version only: nothing is to be compared with it but itself.
	o := Options{Source: withAuth(t), Dir: orchard(t)}
	w = start(t, o)
	w.Ask(Choice{Axis: phoenix.ReleaseFiles})
	s = until(t, w, "an answer", func(s *Snapshot) bool { return !s.Loading && (s.Err != nil || len(s.Pairs) > 0) })
	if s.Err != nil || !strings.Contains(strings.Join(s.Notes, "\n"), "has nothing that mix phx.gen.release made") {
		t.Errorf("%v, notes %q", s.Err, s.Notes)
	}
}
