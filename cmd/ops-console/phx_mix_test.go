package main

import (
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
