package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

// TestPhxRunsAPublishedGenerator goes the whole way: from a registry's package to a difference, once with the registry and
// then without, and not at all where the package is another than the registry says.
func TestPhxRunsAPublishedGenerator(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("elixir"); err != nil {
		t.Skip("elixir is not installed: apt-get install elixir")
	}
	r := phoenixtest.NewRegistry(t, phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.11"))
	world := append(sandbox(t), "OPS_CONSOLE_GENERATOR_SNAPSHOTS="+phoenixtest.Dir(), "OPS_CONSOLE_GENERATOR_WEB=false",
		"OPS_CONSOLE_GENERATOR_REGISTRY="+r.URL+"/api", "OPS_CONSOLE_GENERATOR_PACKAGES="+r.URL)
	diff := func(mix string) result {
		return run(t, world, program, "phx", "diff", "1.8.8", phoenixtest.PackageVersion, "--mix", mix, "--format", "patch")
	}

	if got := diff("ask"); got.status != 3 || !strings.Contains(got.stderr, "may not run generators") {
		t.Errorf("without a terminal to ask at: status %d: %s", got.status, got.stderr)
	}
	r.Claim(strings.Repeat("ab", 32))
	if got := diff("always"); got.status != 3 || !strings.Contains(got.stderr, "not what the registry published") {
		t.Errorf("another checksum: status %d: %s", got.status, got.stderr)
	}
	r.Claim(r.Checksum)
	first := diff("always")
	if first.status != 0 || !strings.Contains(first.stdout, `{:phoenix, "~> 1.99"}`) || !strings.Contains(first.stdout, "new file mode 100755") {
		t.Errorf("status %d: %s%.500s", first.status, first.stderr, first.stdout)
	}
	asked := r.Asked()
	for _, mix := range []string{"always", "ask"} {
		again := diff(mix)
		if again.status != 0 || again.stdout != first.stdout || r.Asked() != asked {
			t.Errorf("--mix %s again: status %d, %d requests, the same: %t: %s", mix, again.status, r.Asked()-asked, again.stdout == first.stdout, again.stderr)
		}
	}
}

// TestPhxComparesAuthenticationAndReleaseFiles runs the generators of two versions in projects that the same versions made, and
// sets an application that one of them generated against both.
func TestPhxComparesAuthenticationAndReleaseFiles(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("elixir"); err != nil {
		t.Skip("elixir is not installed: apt-get install elixir")
	}
	const before = "1.98.0"
	project, generators := map[string][]byte{}, phoenixtest.Generators(t)
	for p, f := range phoenixtest.Package(t) {
		project[p] = f.Data
	}
	r := phoenixtest.NewRegistry(t, phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.11"))
	r.Publish(t, "phoenix", phoenixtest.PackageVersion, generators)
	r.Publish(t, "phx_new", before, project)
	const auth = "priv/templates/phx.gen.auth/auth.ex"
	generators[auth] = bytes.ReplaceAll(generators[auth], []byte("_by_session_token"), []byte("_by_token"))
	r.Publish(t, "phoenix", before, generators)
	world := append(sandbox(t), "OPS_CONSOLE_GENERATOR_WEB=false", "OPS_CONSOLE_GENERATOR_MIX=always",
		"OPS_CONSOLE_GENERATOR_REGISTRY="+r.URL+"/api", "OPS_CONSOLE_GENERATOR_PACKAGES="+r.URL)
	phx := func(args ...string) result { return run(t, world, program, append([]string{"phx"}, args...)...) }

	got := phx("diff", before, phoenixtest.PackageVersion, "--auth", "Members", "Person", "people", "--format", "patch", "--", "--no-live")
	const want = `-    assign(conn, :current_person, Members.get_person_by_token(get_session(conn, :person_token)))
+    assign(conn, :current_person, Members.get_person_by_session_token(get_session(conn, :person_token)))
`
	if got.status != 0 || !strings.Contains(got.stdout, "diff --git a/lib/sample_app_web/person_auth.ex b/lib/sample_app_web/person_auth.ex\n") || !strings.Contains(got.stdout, want) || strings.Count(got.stdout, "diff --git") != 1 {
		t.Errorf("status %d: %s%s", got.status, got.stderr, got.stdout)
	}
	got = phx("diff", before, phoenixtest.PackageVersion, "--release", "--docker", "--format", "json")
	var tree struct {
		To struct {
			Axis, Detail string
			Flags        map[string]string
			Notes        []string
		}
		Stat struct{ Same int }
	}
	if err := json.Unmarshal([]byte(got.stdout), &tree); err != nil || got.status != 0 || tree.To.Axis != "release" || tree.To.Flags["docker"] != "true" || tree.Stat.Same != 3 || len(tree.To.Notes) != 1 || !strings.Contains(tree.To.Detail, "mix phx.gen.release --docker --ecto of phoenix 1.99.0") {
		t.Errorf("status %d: %v %s%s", got.status, err, got.stderr, got.stdout)
	}

	dir := t.TempDir()
	phoenixtest.Write(t, dir, map[string]phoenix.File{
		"mix.exs":                          {Data: []byte("defmodule Till.MixProject do\n  use Mix.Project\n\n  def project do\n    [app: :till, version: \"0.1.0\", deps: deps()]\n  end\n\n  defp deps do\n    [{:bcrypt_elixir, \"~> 3.0\"}, {:ecto_sql, \"~> 3.0\"}, {:phoenix_html, \"~> 4.0\"}, {:phoenix, \"~> 1.98\"}]\n  end\nend\n")},
		"lib/till_web.ex":                  {Data: []byte("defmodule TillWeb do\nend\n")},
		"lib/till_web/person_auth.ex":      {Data: []byte("defmodule TillWeb.PersonAuth do\n  use TillWeb, :verified_routes\n\n  alias Till.Members\n\n  def fetch_current_person(conn, _opts) do\n    assign(conn, :current_person, Members.get_person_by_token(get_session(conn, :person_token)))\n  end\nend\n")},
		"lib/till/members/person_token.ex": {Data: []byte("defmodule Till.Members.PersonToken do\n  use Ecto.Schema\n\n  schema \"people_tokens\" do\n    field :token, :binary\n    belongs_to :person, Till.Members.Person\n  end\n\n  def build_session_token(person), do: person\nend\n")},
		"lib/till_web/controllers/person_session_controller.ex":             {Data: []byte("defmodule TillWeb.PersonSessionController do\n  use TillWeb, :controller\nend\n")},
		"priv/repo/migrations/20260101120000_create_people_auth_tables.exs": {Data: []byte("own\n")},
		"lib/till_web/templates/page.html.heex":                             {Data: []byte("x\n")},
	})
	got = phx("upgrade", phoenixtest.PackageVersion, "--from", before, "--project", dir, "--format", "json")
	var up struct {
		Also []struct {
			Axis  string
			Names []string
			Flags map[string]string
		}
		Files []struct{ Path, State string }
	}
	if err := json.Unmarshal([]byte(got.stdout), &up); err != nil || len(up.Also) != 1 || strings.Join(up.Also[0].Names, " ") != "Members Person people" || up.Also[0].Flags["live"] != "false" {
		t.Fatalf("status %d: %v %s%s", got.status, err, got.stderr, got.stdout)
	}
	states := map[string]string{}
	for _, f := range up.Files {
		states[f.Path] = f.State
	}
	for at, state := range map[string]string{
		"lib/till_web/person_auth.ex": "untouched", "lib/till/members/person_token.ex": "unchanged",
		"lib/till_web/controllers/person_session_controller.ex": "unchanged", "priv/repo/migrations/20260101120000_create_people_auth_tables.exs": "unchanged",
	} {
		if states[at] != state {
			t.Errorf("%s is %q, want %q of %v", at, states[at], state, states)
		}
	}
}

func TestPhxChangelogIsOutOfPackages(t *testing.T) {
	r := phoenixtest.NewRegistry(t, nil)
	r.Publish(t, "phoenix", "1.7.14", map[string][]byte{
		"CHANGELOG.md": []byte("# Changelog\n\n## 1.7.14 (2024-06-18)\n\n  * A \x1b[31mfix\n    of two lines\n\n## 1.7.13 (2024-06-18)\n\n  * Another\n\n## 1.7.12 (2024-04-11)\n\n  * Old\n"),
	})
	world := append(sandbox(t), "OPS_CONSOLE_GENERATOR_REGISTRY="+r.URL+"/api", "OPS_CONSOLE_GENERATOR_PACKAGES="+r.URL)
	const want = `## 1.7.13 (2024-06-18)
https://github.com/phoenixframework/phoenix/blob/v1.7.13/CHANGELOG.md

  * Another

## 1.7.14 (2024-06-18)
https://github.com/phoenixframework/phoenix/blob/v1.7.14/CHANGELOG.md

  * A fix
    of two lines
`
	if got := run(t, world, program, "phx", "changelog", "1.7.12", "1.7.14"); got.status != 0 || got.stdout != want {
		t.Errorf("status %d: %s%q", got.status, got.stderr, got.stdout)
	}
	got := run(t, world, program, "phx", "changelog", "1.7.13", "1.7.14", "--format", "json")
	var out struct {
		Sections []struct{ Version, Date, Text, URL string }
		Notes    []string
	}
	if err := json.Unmarshal([]byte(got.stdout), &out); err != nil || len(out.Sections) != 1 || out.Sections[0].Version != "1.7.14" || out.Notes == nil {
		t.Errorf("%v: %s%s", err, got.stderr, got.stdout)
	}
	if got := run(t, world, program, "phx", "changelog", "1.6.0", "1.6.1"); got.status != 3 || !strings.Contains(got.stderr, "does not have it") {
		t.Errorf("what is not published: status %d: %s", got.status, got.stderr)
	}
	if got := run(t, world, program, "phx", "changelog", "1.7.14", "1.7.13"); got.status != 2 {
		t.Errorf("backwards: status %d: %s", got.status, got.stderr)
	}
}
