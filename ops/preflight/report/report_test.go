package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"ops-console/ops/preflight"
	"ops-console/ops/preflight/report"
	"ops-console/ops/preflight/source"
	"ops-console/ops/preflight/versions"
)

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// mixed has one of everything.
func mixed() *preflight.Report {
	return &preflight.Report{
		At: now, App: "shop", Project: "/src/shop", FlyToml: "fly.toml", Image: "registry.fly.io/shop:v1",
		Counts: preflight.Counts{Pass: 2, Warn: 1, Fail: 1, Unknown: 3},
		Items: []preflight.Item{
			{ID: "image.exists", Group: preflight.GroupImage, Title: "The image is there", Result: preflight.Unknown, Why: "the registry does not say", Mend: "log in"},
			{ID: "image.platform", Group: preflight.GroupImage, Title: "It is for linux/amd64", Result: preflight.Unknown, Why: "the registry does not say", Mend: "log in"},
			{ID: "image.revision", Group: preflight.GroupImage, Title: "It says which commit it is", Result: preflight.Pass, Why: "0123456 “sell more”, says its tag, and this goes on for longer than a narrow terminal is wide"},
			{
				ID: "start.migrations", Group: preflight.GroupStart, Title: "Starting a machine migrates nothing", Result: preflight.Fail,
				Why: "app migrates whenever a machine starts (./migrate): with an old image too, and several at a time", Mend: "take it out there\x1b[31m",
				Evidence: []preflight.Evidence{{Path: "rel/overlays/bin/server", Line: 4, Text: "./migrate"}, {Path: "Dockerfile", Line: 12, Text: "CMD \u202e evil"}, {Text: "of no place"}},
			},
			{
				ID: "fleet.machines", Group: preflight.GroupFleet, Title: "The fleet is whole and of one release", Result: preflight.Warn, Why: "5 machines of 9: its host is unreachable", Mend: "see ops-console status",
				Evidence: []preflight.Evidence{{Machine: "e1", Region: "iad"}, {Machine: "e2"}, {Region: "fra"}, {Machine: "e4", Region: "iad"}, {Machine: "e5", Region: "iad"}},
			},
			{ID: "fleet.primary", Group: preflight.GroupFleet, Title: "Two machines in the primary region", Result: preflight.Pass, Why: "2 in iad"},
			{ID: "database.lag", Group: preflight.GroupDatabase, Title: "Replicas keep up", Result: preflight.Unknown, Why: "it does not answer"},
		},
	}
}

func matrix() *report.Versions {
	at := func(path string, line int) source.Place { return source.Place{Path: path, Line: line} }
	return &report.Versions{
		At: now, App: "shop", Project: "/src/shop", Unread: []string{"the fleet: no access token"},
		Rows: versions.Matrix([]source.Pin{
			{Tool: source.Elixir, From: ".tool-versions", Version: "1.18.3", At: at(".tool-versions", 1)},
			{Tool: source.Elixir, From: "mix.exs", Version: "~> 1.18", Requirement: true, At: at("mix.exs", 6)},
			{Tool: source.Elixir, From: "workflows", Version: "1.17.1", At: at(".github/workflows/ci.yml", 6)},
			{Tool: source.Elixir, From: "workflows", Version: "1.18.1", At: at(".github/workflows/ci.yml", 6)},
			{Tool: source.Node, From: ".tool-versions", Version: "22.1.0", At: at(".tool-versions", 3)},
			{Tool: source.Node, From: "Dockerfile", Version: "20", At: at("Dockerfile", 9)},
			{Tool: source.PostgreSQL, From: versions.FromServer, Version: "16.8", At: at("db1", 0)},
		}),
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	at := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(at, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s; UPDATE_GOLDEN=1 writes it (-want +got):\n%s", at, d)
	}
}

func TestTexts(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    report.Options
	}{
		{"wide", report.Options{}},
		{"80", report.Options{Width: 80}},
		{"40", report.Options{Width: 40}},
		{"colour", report.Options{Width: 80, Color: true}},
		{"ascii", report.Options{Width: 80, ASCII: true}},
	} {
		var b bytes.Buffer
		if err := report.Text(&b, mixed(), tc.o); err != nil {
			t.Fatal(err)
		}
		golden(t, "preflight-"+tc.name+".txt", b.Bytes())
		if !tc.o.Color {
			for l := range strings.SplitSeq(b.String(), "\n") {
				if tc.o.Width > 0 && runewidth.StringWidth(l) > tc.o.Width && strings.Contains(strings.TrimSpace(l), " ") && tc.o.Width > 50 {
					t.Errorf("%s: a line of %d cells: %s", tc.name, runewidth.StringWidth(l), l)
				}
			}
			if strings.ContainsAny(b.String(), "\x1b\u202e") {
				t.Errorf("%s: control characters", tc.name)
			}
		}
		b.Reset()
		if err := report.VersionsText(&b, matrix(), tc.o); err != nil {
			t.Fatal(err)
		}
		golden(t, "versions-"+tc.name+".txt", b.Bytes())
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, mixed()); err != nil {
		t.Fatal(err)
	}
	golden(t, "preflight.json", b.Bytes())
	b.Reset()
	if err := report.VersionsJSON(&b, matrix()); err != nil {
		t.Fatal(err)
	}
	golden(t, "versions.json", b.Bytes())
}

// keys are those of a JSON document, wherever they stand.
func keys(v any, into map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			into[k] = true
			keys(e, into)
		}
	case []any:
		for _, e := range x {
			keys(e, into)
		}
	}
}

// TestEverythingIsDocumented keeps docs/preflight.md in step with the types and the checks.
func TestEverythingIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/preflight.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range []string{"preflight.json", "versions.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		keys(v, found)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[preflight.Report](), reflect.TypeFor[preflight.Item](), reflect.TypeFor[preflight.Evidence](), reflect.TypeFor[preflight.Counts]()} {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			found[name] = true
		}
	}
	for k := range found {
		if !bytes.Contains(doc, []byte("`"+k+"`")) {
			t.Errorf("docs/preflight.md does not mention `%s`", k)
		}
	}
	for _, c := range preflight.Checks() {
		line := "| `" + c.ID + "` | " + c.Title + " | " + c.Doc + " |"
		if !bytes.Contains(doc, []byte(line)) {
			t.Errorf("docs/preflight.md lacks the line\n%s", line)
		}
	}
}
