package lint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/project"
)

// part is the head of one of several files in an example.
var part = regexp.MustCompile(`(?m)^# ((\d{14})_(\w+)\.exs|lib/\S+\.ex)\n`)

// example takes an example apart into files. What is no whole module becomes a migration.
func example(code string) []file {
	heads := part.FindAllStringSubmatchIndex(code, -1)
	first := len(code)
	if len(heads) > 0 {
		first = heads[0][0]
	}
	var out []file
	if text := strings.TrimSpace(code[:first]); text != "" {
		out = append(out, file{"20231231000000_example.exs", []byte(text)})
	}
	for i, h := range heads {
		end := len(code)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		out = append(out, file{code[h[2]:h[3]], []byte(code[h[1]:end])})
	}
	for i := range out {
		if !bytes.Contains(out[i].data, []byte("defmodule ")) {
			out[i].data = []byte(fmt.Sprintf("defmodule Demo.Repo.Migrations.M%d do\n  use Ecto.Migration\n\n%s\nend\n", i, out[i].data))
		}
	}
	return out
}

// lintExample runs a rule on an example.
func lintExample(t *testing.T, r Rule, code string) bool {
	t.Helper()
	in := Input{
		Repo: project.Repo{Module: "Demo.Repo", App: "demo", Settings: project.DefaultSettings()}, Sources: map[string][]byte{},
		Options: Options{Down: r.ID == "sql-syntax", Severity: map[string]Severity{}},
	}
	if r.Severity == Off {
		in.Options.Severity[r.ID] = Info
	}
	if r.ID == "add-column-default-pg10" {
		in.Options.Target = 10
	}
	dir, lib := t.TempDir(), false
	for _, f := range example(code) {
		if _, errs := elixir.Parse(f.data, f.name); len(errs) > 0 && r.ID != "parse-error" {
			t.Errorf("%s: %v in\n%s", r.ID, errs, f.data)
		}
		if strings.HasPrefix(f.name, "lib/") {
			lib = true
			target := filepath.Join(dir, filepath.FromSlash(f.name))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(target, f.data, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		digits, name, _ := strings.Cut(strings.TrimSuffix(f.name, ".exs"), "_")
		var version int64
		fmt.Sscan(digits, &version)
		p := project.File{Path: f.name, Version: version, Name: name}
		in.Sources[f.name] = f.data
		if strings.Contains(code, "migration_lock: :pg_advisory_lock") && !strings.Contains(code, "better: config") {
			in.Repo.Settings.Lock = project.AdvisoryLock
		}
		in.Migrations = append(in.Migrations, lower.Migration(p, f.data, in.Repo.Settings))
	}
	slices.SortStableFunc(in.Migrations, func(a, b ecto.Migration) int { return int(min(max(a.Version-b.Version, -1), 1)) })
	if lib {
		s, err := app.Read(t.Context(), dir, "lib")
		if err != nil {
			t.Fatal(err)
		}
		in.App = s
	}
	res, err := Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Rule == r.ID && f.Suppressed == nil })
}

// TestExamplesOfTheDocumentation: the bad one yields the rule, the good one does not, and both are Elixir. What only a
// database or a directory tells is excepted.
func TestExamplesOfTheDocumentation(t *testing.T) {
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			d := r.Doc
			if d.Lock == "" || d.Blocks == "" || d.Versions == "" || d.Why == "" {
				t.Fatal("lock, blocks, versions or why is missing")
			}
			for _, s := range d.See {
				if !strings.HasPrefix(s, "https://") {
					t.Errorf("see %q", s)
				}
			}
			outside := r.Group == "live" || r.ID == "filename" || r.ID == "view-type-dependency"
			if r.Group != "live" && (d.Bad == "" || d.Good == "") {
				t.Fatal("an example is missing")
			}
			if d.Bad != "" && !lintExample(t, r, d.Bad) && !outside {
				t.Errorf("not found in\n%s", d.Bad)
			}
			if d.Good != "" && lintExample(t, r, d.Good) {
				t.Errorf("found in\n%s", d.Good)
			}
		})
	}
	for id := range documents() {
		if _, ok := Find(id); !ok {
			t.Errorf("%s is documented, and there is no such rule", id)
		}
	}
}
