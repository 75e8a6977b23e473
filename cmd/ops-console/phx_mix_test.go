package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"ops-console/ops/phoenix/phoenixtest"
)

// TestPhxRunsAPublishedGenerator goes the whole way: from a registry's package to a difference, once with the registry and
// then without, and not at all where the package is another than the registry says.
func TestPhxRunsAPublishedGenerator(t *testing.T) {
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
