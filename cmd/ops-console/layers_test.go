package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Doc        string
	Deps       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Deps", "ops-console/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// The arrows of the design: cmd → tui → ops → wg, and nothing back, whatever lies between.
func TestLayersPointOneWay(t *testing.T) {
	forbidden := []struct{ from, to string }{
		{"ops-console/wg", "ops-console/ops"},
		{"ops-console/wg", "ops-console/tui"},
		{"ops-console/wg", "ops-console/cmd"},
		{"ops-console/ops", "ops-console/tui"},
		{"ops-console/ops", "ops-console/themes"},
		{"ops-console/ops", "ops-console/cmd"},
		{"ops-console/ops", "charm.land"},
		{"ops-console/ops", "github.com/charmbracelet"},
		{"ops-console/tui", "ops-console/cmd"},
		{"ops-console/tui", "ops-console/ops/fly/flysim"},
		{"ops-console/tui", "ops-console/ops/session"},
		{"ops-console/themes", "ops-console/ops"},
		{"ops-console/themes", "ops-console/tui"},
		{"ops-console/themes", "ops-console/wg"},
		{"ops-console/ops/health", "ops-console/ops/fly/flysim"},
	}
	under := func(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	for _, p := range packages(t) {
		for _, rule := range forbidden {
			if !under(p.ImportPath, rule.from) {
				continue
			}
			for _, dep := range p.Deps {
				if under(dep, rule.to) {
					t.Errorf("%s depends on %s", p.ImportPath, dep)
				}
			}
		}
	}
}
