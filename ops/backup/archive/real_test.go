package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ops-console/ops/postgres/pgcluster"
)

// real dumps a database of awkward things, and says how many rows its tables have.
func real(t *testing.T, more ...string) ([]byte, map[string]int64) {
	t.Helper()
	all, err := pgcluster.Find()
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		t.Skip("no PostgreSQL server: install the package postgresql, or run .ci/postgres")
	}
	if err != nil {
		t.Fatal(err)
	}
	var bin pgcluster.Binaries
	for _, b := range all {
		if _, err := os.Stat(filepath.Join(b.Dir, "pg_dump")); err == nil {
			bin = b
			break
		}
	}
	if bin.Dir == "" {
		t.Skip("no pg_dump beside a server: install the package postgresql")
	}
	c, err := pgcluster.Start(t.Context(), pgcluster.Options{Binaries: bin})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	script, err := os.ReadFile("../verify/testdata/awkward.sql")
	if err != nil {
		t.Fatal(err)
	}
	p := c.Primary()
	if err := p.Exec(t.Context(), "postgres", `create role shop_owner`, `create role "Report Reader"`, `create database shop`); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), p.URL("shop"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.PgConn().Exec(t.Context(), string(script)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	found, err := conn.Query(t.Context(), `select n.nspname, c.relname,
		(xpath('/row/n/text()', query_to_xml(format('select count(*) as n from only %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	var schema, name string
	var n int64
	if _, err := pgx.ForEachRow(found, []any{&schema, &name, &n}, func() error {
		rows[Name(schema, name)] = n
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin.Dir, "pg_dump"), append([]string{"-Fc", "-d", p.URL("shop")}, more...)...)
	var says bytes.Buffer
	cmd.Stderr = &says
	dump, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, says.String())
	}
	return dump, rows
}

func TestRowsOfARealDumpAreThoseOfTheServer(t *testing.T) {
	dump, want := real(t, "-Z0")
	counts, err := Count(bytes.NewReader(dump), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, table := range counts.Tables {
		got[Key(table.Name)] = table.Rows
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("rows by table (-server +archive):\n" + diff)
	}
	if len(want) < 19 || counts.LargeObjects != 3 || counts.LargeBytes != 100_004 || counts.Bytes != int64(len(dump)) {
		t.Errorf("%d tables, %d large objects of %d bytes, %d of %d bytes read", len(want), counts.LargeObjects, counts.LargeBytes, counts.Bytes, len(dump))
	}
	c := counts.Contents
	if diff := cmp.Diff([]string{"btree_gist", "citext", "hstore", "pg_trgm"}, c.Extensions()); diff != "" {
		t.Error(diff)
	}
	if got := c.Sequences()["public.events_id_seq"]; got != "SELECT pg_catalog.setval('public.events_id_seq', 4242, false);" {
		t.Errorf("the sequence is set by %q", got)
	}
	if c.Database != "shop" || Major(c.ServerVersion) == 0 || Major(c.DumpVersion) == 0 {
		t.Errorf("head: %q %q %q", c.Database, c.ServerVersion, c.DumpVersion)
	}

	t.Run("every cut is noticed", func(t *testing.T) {
		for cut := 0; cut < len(dump); cut += 1 + len(dump)/500 {
			if _, err := Count(bytes.NewReader(dump[:cut]), Options{}); !errors.Is(err, ErrMalformed) {
				t.Fatalf("cut at %d of %d: %v", cut, len(dump), err)
			}
		}
	})
	t.Run("an error of the stream is given as it is", func(t *testing.T) {
		broken := errors.New("broken")
		for cut := 0; cut < len(dump); cut += 1 + len(dump)/100 {
			_, err := Count(io.MultiReader(bytes.NewReader(dump[:cut]), failing{broken}), Options{})
			if !errors.Is(err, broken) || errors.Is(err, ErrMalformed) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
	})
	t.Run("a branch counts the same", func(t *testing.T) {
		c := NewCounter(Options{})
		for rest := dump; len(rest) > 0; {
			n := min(len(rest), 3001)
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got, err := c.Close(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDumpsThatAreNotCounted(t *testing.T) {
	compressed, _ := real(t)
	if _, err := Count(bytes.NewReader(compressed), Options{}); !errors.Is(err, ErrCompressed) {
		t.Errorf("compressed: %v", err)
	}
	if c, err := ReadContents(bytes.NewReader(compressed)); err != nil || len(c.Entries) < 50 {
		t.Errorf("table of contents of a compressed one: %v", err)
	}
	inserts, _ := real(t, "-Z0", "--inserts")
	counts, err := Count(bytes.NewReader(inserts), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range counts.Tables {
		if table.Rows != -1 {
			t.Errorf("INSERTs of %s were counted: %d", table.Name, table.Rows)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
