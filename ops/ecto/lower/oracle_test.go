package lower

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/project"
)

// configured are the settings that the recording was made with, as Elixir has them and as package project reads them.
var configured = []struct {
	name, config string
	settings     func(*project.Settings)
}{
	{"", "[]", func(*project.Settings) {}},
	{
		"keys", `[migration_primary_key: [name: :key, type: :binary_id, default: {:fragment, "gen_random_uuid()"}]]`,
		func(s *project.Settings) {
			s.PrimaryKey = project.Key{Name: "key", EctoType: "binary_id", Default: "gen_random_uuid()"}
			s.ForeignKey.EctoType = "binary_id"
		},
	},
	{
		"times", `[migration_timestamps: [type: :utc_datetime_usec, inserted_at: :created_at, updated_at: false], migration_default_prefix: "app"]`,
		func(s *project.Settings) {
			s.Timestamps = project.Timestamps{EctoType: "utc_datetime_usec", InsertedAt: "created_at"}
			s.Prefix = "app"
		},
	},
	{
		"none", `[migration_primary_key: false, migration_foreign_key: [column: :uuid, type: :uuid], migration_timestamps: [default: {:fragment, "now()"}, null: true]]`,
		func(s *project.Settings) {
			s.PrimaryKey.Disabled = true
			s.ForeignKey = project.Key{Name: "uuid", EctoType: "uuid"}
			s.Timestamps.Default, s.Timestamps.Nullable = "now()", true
		},
	},
}

// sent is what ecto_sql sends for a migration, as testdata/oracle.exs found out.
type sent struct {
	Config    string   `json:"config,omitempty"`
	Source    string   `json:"source"`
	Up        []string `json:"up"`
	Down      []string `json:"down"`
	UpError   *string  `json:"up_error"`
	DownError *string  `json:"down_error"`
	Error     *string  `json:"error,omitempty"`
	Path      string   `json:"path,omitempty"`
}

const recorded = "testdata/ecto_sql.jsonl"

// TestSQLIsWhatEctoSends compares with what ecto_sql 3.14's own runner and adapter did with the same migrations.
//
// The recording is made anew by ECTO_EBIN=DIR go test -run TestRecord, where DIR has ecto_sql and what it needs compiled.
func TestSQLIsWhatEctoSends(t *testing.T) {
	f, err := os.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n, statements := 0, 0
	for lines.Scan() {
		var want sent
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		n++
		statements += len(want.Up) + len(want.Down)
		settings := project.DefaultSettings()
		for _, c := range configured {
			if c.name == want.Config {
				c.settings(&settings)
			}
		}
		compareSent(t, want, settings)
	}
	if n < 300 || statements < 1000 {
		t.Errorf("the recording has %d migrations with %d statements only", n, statements)
	}
}

func compareSent(t *testing.T, want sent, s project.Settings) {
	t.Helper()
	m := Migration(project.File{Path: "priv/repo/migrations/1_a.exs", Version: 1, Name: "a"}, []byte(want.Source), s)
	if want.Error != nil {
		return
	}
	raises, back := false, len(m.Irreversible) > 0
	for _, n := range m.Notes {
		raises = raises || n.Code == "raises"
		back = back || n.Code == "raises" || n.Code == "raises-down"
	}
	if want.UpError == nil {
		if d := cmp.Diff(trimmed(want.Up), statementsOf(m.Up)); d != "" {
			t.Errorf("up (-ecto_sql +lower):\n%s\n%s", d, want.Source)
		}
	} else if !raises {
		t.Errorf("up: Ecto raises %q, nothing is said of it:\n%s", *want.UpError, want.Source)
	}
	if want.DownError == nil {
		if d := cmp.Diff(trimmed(want.Down), statementsOf(m.Down)); d != "" {
			t.Errorf("down (-ecto_sql +lower):\n%s\n%s", d, want.Source)
		}
	} else if !back {
		t.Errorf("down: Ecto raises %q, nothing is said of it:\n%s", *want.DownError, want.Source)
	}
	if want.UpError == nil && want.DownError == nil && back {
		t.Errorf("Ecto raises nothing, but: %v %v\n%s", m.Notes, m.Irreversible, want.Source)
	}
}

// statementsOf is the SQL of operations; what Repo calls come to is not compared.
func statementsOf(oo []ecto.Operation) []string {
	out := []string{}
	for _, o := range ecto.Sequence(oo) {
		out = append(out, o.SQL...)
	}
	return trimmed(out)
}

// trimmed is statements without space and semicolons around them, and without those in which nothing is left.
func trimmed(ss []string) []string {
	out := []string{}
	for _, s := range ss {
		if s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), ";")); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// TestRecord asks ecto_sql, where ECTO_EBIN says where it is, and writes the recording.
func TestRecord(t *testing.T) {
	ebin := os.Getenv("ECTO_EBIN")
	if ebin == "" {
		t.Log("ECTO_EBIN is not set: the recording is left as it is")
		return
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	g := newGenerator(20240131)
	for i, c := range configured {
		dir := t.TempDir()
		var list []string
		put := func(name, source string) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			list = append(list, path)
		}
		for n := range []int{420, 50, 50, 50}[i] {
			put(fmt.Sprintf("%03d.exs", n), g.migration(n))
		}
		if i == 0 {
			for _, path := range glob(t, "testdata/sent/*.exs") {
				src, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				put("written_"+filepath.Base(path), string(src))
			}
		}
		for _, s := range ask(t, ebin, c.config, list) {
			if s.Error != nil {
				t.Fatalf("%s does not compile: %s", s.Path, *s.Error)
			}
			s.Path, s.Config = "", c.name
			if err := enc.Encode(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(recorded, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask has ecto_sql run files.
func ask(t *testing.T, ebin, config string, paths []string) []sent {
	t.Helper()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte(strings.Join(paths, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("elixir", "-pa", ebin, "testdata/oracle.exs", "@"+list)
	cmd.Env = append(os.Environ(), "ORACLE_CONFIG="+config)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var out []sent
	for line := range bytes.Lines(raw) {
		var s sent
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		src, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		s.Source = string(src)
		out = append(out, s)
	}
	return out
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return paths
}
