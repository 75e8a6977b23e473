package flex

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/project"
	"ops-console/testdata/demo"

	"github.com/google/go-cmp/cmp"
)

// libraries is what calls of other modules in the application's migrations make.
var libraries = map[string]string{
	"Oban.Migration.up(version: 12)":   "oban.sql",
	"Fly.Postgres.Migrations.V01.up()": "fly_postgres.sql",
}

// TestSchemaIsWhatTheMigrationsMake compares schema.sql with what the demo's project would send to the server for those
// of its migrations that ran.
func TestSchemaIsWhatTheMigrationsMake(t *testing.T) {
	want := schemaOf(t, "../../../../testdata/demo/changelog")
	const name = "schema.sql"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("%s is not what the migrations make; UPDATE_GOLDEN=1 writes it (-want +got):\n%s", name, d)
	}
}

func schemaOf(t *testing.T, dir string) string {
	t.Helper()
	p, err := project.Open(dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Repos) != 1 || len(p.Repos[0].Files) < 20 {
		t.Fatalf("repos %+v, want one with all the migrations", p.Repos)
	}
	r := p.Repos[0]
	var b strings.Builder
	fmt.Fprintf(&b, "-- What the migrations in testdata/demo that ran made, as Ecto sends it. Made by go test; not to be edited.\n")
	fmt.Fprintf(&b, "CREATE TABLE %q (\"version\" bigint, \"inserted_at\" timestamp(0), PRIMARY KEY (\"version\"));\n", r.Settings.Source)
	for _, f := range r.Files {
		if demo.Pending(f.Version) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		m := lower.Migration(f, src, r.Settings)
		if len(m.Notes) > 0 {
			t.Errorf("%s: %v", f.Path, m.Notes)
		}
		fmt.Fprintf(&b, "\n%s-- %d %s\n", divider, f.Version, f.Name)
		for _, o := range m.Up {
			b.WriteString(statement(t, o))
		}
		fmt.Fprintf(&b, "INSERT INTO %q VALUES (%d, to_timestamp('%d', 'YYYYMMDDHH24MISS'));\n", r.Settings.Source, f.Version, f.Version)
	}
	return b.String()
}

// statement is the SQL of an operation.
func statement(t *testing.T, o ecto.Operation) string {
	t.Helper()
	if o.Kind == ecto.ModuleCall {
		lib, ok := libraries[o.Text]
		if !ok {
			t.Fatalf("what %s makes is not known", o.Text)
		}
		sql, err := os.ReadFile(path.Join("libraries", lib))
		if err != nil {
			t.Fatal(err)
		}
		return string(sql)
	}
	var b strings.Builder
	for _, sql := range o.SQL {
		end := ";\n"
		if o.Concurrent {
			end += divider
		}
		b.WriteString(sql + end)
	}
	return b.String()
}
