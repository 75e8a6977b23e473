package pgsql_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/pgsql"
)

// TestGoldenStatements reads texts that are separated by lines of ";;" and compares what each does with what a reader
// of PostgreSQL's manual checked once. UPDATE_GOLDEN=1 writes it again.
func TestGoldenStatements(t *testing.T) {
	in, err := os.ReadFile("testdata/statements.sql")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for sql := range strings.SplitSeq(strings.TrimSpace(string(in)), "\n;;\n") {
		fmt.Fprintf(&b, "%s\n", sql)
		ops, err := pgsql.Parse(sql)
		if err != nil {
			var e *pgsql.SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("%s: %T: %v", sql, err, err)
			}
			fmt.Fprintf(&b, "  error at %d: %v\n", e.Offset, e)
		}
		for _, o := range ops {
			fmt.Fprintf(&b, "  %s\n", brief(t, o))
		}
	}
	const golden = "testdata/statements.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

// brief is an operation as JSON without what is zero, and without the text, which stands above it.
func brief(t *testing.T, o ecto.Operation) string {
	t.Helper()
	o.SQL, o.Text, o.Raw = nil, "", false
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	b, err = json.Marshal(known(m))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func known(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			// Null is a pointer: false says NOT NULL.
			if x = known(x); x == nil && k == "Null" || x == nil || x == "" || x == 0.0 || x == false && k != "Null" {
				delete(v, k)
				continue
			}
			v[k] = x
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = known(v[i])
		}
	}
	return v
}

func TestEveryStatementKeepsItsText(t *testing.T) {
	ops, err := pgsql.Parse(" alter table a add b int, drop c ;\n-- then\ndrop table d; ")
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		Kind      ecto.Kind
		Statement int
		SQL       []string
	}
	var got []line
	for _, o := range ops {
		got = append(got, line{o.Kind, o.Statement, o.SQL})
	}
	want := []line{
		{ecto.AddColumn, 1, []string{"alter table a add b int, drop c"}},
		{ecto.RemoveColumn, 1, nil},
		{ecto.DropTable, 2, []string{"-- then\ndrop table d"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNoServerWouldTakeIsRefusedBeforeTheGrammarSeesIt(t *testing.T) {
	for name, sql := range map[string]string{
		"zero byte":    "select 'a\x00b'",
		"not UTF-8":    "select '\xff'",
		"deep nesting": "select " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000),
	} {
		var e *pgsql.SyntaxError
		if _, err := pgsql.Parse(sql); !errors.As(err, &e) {
			t.Errorf("%s: got %v, want a syntax error", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	in, err := os.ReadFile("testdata/statements.sql")
	if err != nil {
		f.Fatal(err)
	}
	for sql := range strings.SplitSeq(string(in), "\n;;\n") {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		ops, err := pgsql.Parse(sql)
		var e *pgsql.SyntaxError
		if err != nil && (!errors.As(err, &e) || e.Offset < -1 || e.Offset > len(sql)) {
			t.Fatalf("%q: %#v", sql, err)
		}
		last := 0
		for _, o := range ops {
			if o.Kind == "" || o.Statement < last || o.Statement > last+1 || !strings.Contains(sql, o.Text) {
				t.Fatalf("%q: %+v", sql, o)
			}
			last = o.Statement
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const sql = "ALTER TABLE posts ADD CONSTRAINT posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES people(id) NOT VALID"
	if _, err := pgsql.Parse(sql); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := pgsql.Parse(sql); err != nil {
			b.Fatal(err)
		}
	}
}
