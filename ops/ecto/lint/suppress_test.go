package lint

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/project"
)

// lintText runs all rules on one file.
func lintText(t testing.TB, src string) (Input, *Result) {
	t.Helper()
	in := Input{
		Repo:    project.Repo{Module: "Demo.Repo", App: "demo", Settings: project.DefaultSettings()},
		Sources: map[string][]byte{"m.exs": []byte(src)}, Options: Options{LockTimeout: "5s"},
	}
	in.Migrations = []ecto.Migration{lower.Migration(project.File{Path: "m.exs", Version: 1, Name: "m"}, []byte(src), in.Repo.Settings)}
	res, err := Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return in, res
}

// open are the findings that count, suppressed those that do not, with why.
func split(ff []Finding) (open, suppressed []string) {
	for _, f := range ff {
		if f.Suppressed == nil {
			open = append(open, f.Rule)
		} else {
			suppressed = append(suppressed, f.Rule+": "+f.Suppressed.Reason)
		}
	}
	return open, suppressed
}

func TestCommentsSuppress(t *testing.T) {
	const drop = "drop_if_exists table(:posts)"
	cases := []struct {
		name, body string
		open       []string
		suppressed []string
	}{
		{"before", "# ops-console:ignore drop-table -- gone since March\n" + drop, nil, []string{"drop-table: gone since March"}},
		{"with a blank", "# ops-console: ignore drop-table -- gone", []string{"suppression-unused"}, nil},
		{"another dash", "# ops-console: ignore drop-table — gone since March\n" + drop, nil, []string{"drop-table: gone since March"}},
		{"behind", drop + " # ops-console:ignore drop-table -- gone", nil, []string{"drop-table: gone"}},
		{"behind the next", "create table(:a) # ops-console:ignore drop-table -- gone\n" + drop, []string{"suppression-unused", "drop-table"}, nil},
		{"two rules", "# ops-console:ignore drop-table, rename-table -- gone\n" + drop, []string{"suppression-unused"}, []string{"drop-table: gone"}},
		{"two comments", "# ops-console:ignore drop-table -- gone\n# another remark\n\n" + drop, nil, []string{"drop-table: gone"}},
		{"another rule", "# ops-console:ignore rename-table -- gone\n" + drop, []string{"suppression-unused", "drop-table"}, nil},
		{"whole file", drop + "\n# ops-console:ignore-file drop-table -- gone\n" + drop, nil, []string{"drop-table: gone", "drop-table: gone"}},
		{"no reason", "# ops-console:ignore drop-table\n" + drop, []string{"suppression-no-reason", "drop-table"}, nil},
		{"no reason behind the dash", "# ops-console:ignore drop-table --  \n" + drop, []string{"suppression-no-reason", "drop-table"}, nil},
		{"unknown", "# ops-console:ignore drop-tabel, drop-table -- gone\n" + drop, []string{"suppression-unknown"}, []string{"drop-table: gone"}},
		{"neither", "# ops-console:ignore-line drop-table -- gone\n" + drop, []string{"suppression-unknown", "drop-table"}, nil},
		{"a remark", "# ops-console: look at this\n" + drop, []string{"drop-table"}, nil},
		{"in a string", "execute \"COMMENT ON TABLE posts IS '# ops-console:ignore drop-table -- no'\", \"\"\n" + drop, []string{"drop-table"}, nil},
		{
			"block", "# ops-console:ignore set-not-null -- proven by hand\nalter table(:posts) do\n  modify :a, :text, null: false, from: {:text, null: true}\nend",
			nil,
			[]string{"set-not-null: proven by hand"},
		},
		{"the other linter's", "# excellent_migrations:safety-assured-for-next-line table_dropped\n" + drop, nil, []string{"drop-table: excellent_migrations: safety assured"}},
		{"the other linter's, file", drop + "\n# excellent_migrations:safety-assured-for-this-file table-dropped raw_sql_executed", nil, []string{"drop-table: excellent_migrations: safety assured"}},
		{"the other linter's, for something else", "# excellent_migrations:safety-assured-for-next-line column_removed\n" + drop, []string{"drop-table"}, nil},
		{
			"the other linter's for raw SQL", "# excellent_migrations:safety-assured-for-next-line raw_sql_executed\nexecute \"UPDATE posts SET a = 1\", \"\"",
			nil,
			[]string{"unbounded-dml: excellent_migrations: safety assured"},
		},
		{
			"which cannot make SQL of what is none", "# excellent_migrations:safety-assured-for-this-file raw_sql_executed\nexecute \"DELETE TYPE posts\", \"\"",
			[]string{"sql-syntax"},
			nil,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			src := "defmodule Demo.M do\n  use Ecto.Migration\n\n  def up do\n    " + strings.ReplaceAll(c.body, "\n", "\n    ") + "\n  end\n\n  def down, do: :ok\nend\n"
			_, res := lintText(t, src)
			open, suppressed := split(res.Findings)
			if d := gocmp.Diff(c.open, open); d != "" {
				t.Errorf("open (-want +got):\n%s", d)
			}
			if d := gocmp.Diff(c.suppressed, suppressed); d != "" {
				t.Errorf("suppressed (-want +got):\n%s", d)
			}
		})
	}
}

func TestUnusedSuppressionsAreNamed(t *testing.T) {
	_, res := lintText(t, "# ops-console:ignore-file drop-table -- gone\ndefmodule Demo.M do\n  use Ecto.Migration\n\n  def change, do: create(table(:a))\nend\n")
	want := []Suppression{{Reason: "drop-table: gone", Path: "m.exs", Line: 1}}
	if d := gocmp.Diff(want, res.Unused); d != "" {
		t.Error(d)
	}
}

// TestASuppressionThatIsAddedSuppresses: for every finding of every fixture, and the text stays Elixir.
func TestASuppressionThatIsAddedSuppresses(t *testing.T) {
	names, err := filepath.Glob("testdata/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		f := readFixture(t, name)
		res, err := Run(t.Context(), f.in)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range res.Findings {
			src := f.in.Sources[found.Path]
			if src == nil || strings.HasPrefix(found.Rule, "suppression-") || found.Suppressed != nil {
				continue
			}
			out := AddSuppression(src, found.At, found.Rule, "looked at it")
			in := f.in
			in.Sources = map[string][]byte{found.Path: out}
			for i := range in.Migrations {
				if m := &in.Migrations[i]; m.Path == found.Path {
					in.Migrations[i] = lower.Migration(project.File{Path: m.Path, Version: m.Version, Name: m.Name}, out, in.Repo.Settings)
				}
			}
			again, err := Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			quiet := false
			for _, a := range again.Findings {
				quiet = quiet || a.Rule == found.Rule && a.Path == found.Path && a.Suppressed != nil && a.Suppressed.Reason == "looked at it"
			}
			if !quiet {
				t.Errorf("%s: %s at %s is not suppressed by\n%s", name, found.Rule, found.At, out)
			}
			if again := AddSuppression(out, ecto.Span{Line: found.At.Line + 1, Column: found.At.Column}, found.Rule, "again"); !bytes.Equal(again, out) {
				t.Errorf("%s: %s at %s: a second comment is added", name, found.Rule, found.At)
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("only %d findings", n)
	}
}

func TestAddSuppression(t *testing.T) {
	const head = "defmodule M do\n  use Ecto.Migration\n\n"
	cases := []struct {
		name, src string
		at        ecto.Span
		want      string
	}{
		{
			"statement", head + "  def change do\n    drop table(:a)\n  end\nend\n",
			ecto.Span{Line: 5, Column: 5},
			head + "  def change do\n    # ops-console:ignore drop-table -- why\n    drop table(:a)\n  end\nend\n",
		},
		{
			"within a block", head + "  def change do\n    alter table(:a) do\n      remove :b\n    end\n  end\nend\n",
			ecto.Span{Line: 6, Column: 7},
			head + "  def change do\n    alter table(:a) do\n      # ops-console:ignore drop-table -- why\n      remove :b\n    end\n  end\nend\n",
		},
		{
			"within a heredoc", head + "  def change do\n    execute \"\"\"\n    DROP\n    TABLE a\n    \"\"\"\n  end\nend\n",
			ecto.Span{Line: 6, Column: 5},
			head + "  def change do\n    # ops-console:ignore drop-table -- why\n    execute \"\"\"\n    DROP\n    TABLE a\n    \"\"\"\n  end\nend\n",
		},
		{
			"carriage returns", "defmodule M do\r\n\tdef change do\r\n\t\tdrop table(:a)\r\n\tend\r\nend\r\n",
			ecto.Span{Line: 3, Column: 3},
			"defmodule M do\r\n\tdef change do\r\n\t\t# ops-console:ignore drop-table -- why\r\n\t\tdrop table(:a)\r\n\tend\r\nend\r\n",
		},
		{"the file", "defmodule M do\nend\n", ecto.Span{Line: 1, Column: 1}, "# ops-console:ignore-file drop-table -- why\ndefmodule M do\nend\n"},
	}
	for _, c := range cases {
		if d := gocmp.Diff(c.want, string(AddSuppression([]byte(c.src), c.at, "drop-table", " why\n"))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	src := []byte(cases[0].src)
	if got := AddSuppression(src, cases[0].at, "drop-table", " \n"); !bytes.Equal(got, src) {
		t.Errorf("without a reason: %s", got)
	}
}

func TestABaselineKeepsQuietWhatWasThere(t *testing.T) {
	const before = "defmodule Demo.M do\n  use Ecto.Migration\n\n  def up do\n    drop table(:a)\n    drop table(:a)\n  end\n\n  def down, do: :ok\nend\n"
	in, res := lintText(t, before)
	path := filepath.Join(t.TempDir(), "baseline.json")
	b := NewBaseline(in.Sources, res.Findings, "old")
	if err := b.Write(path); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadBaseline(path)
	if err != nil {
		t.Fatal(err)
	}
	b.Path = path
	if d := gocmp.Diff(b, got); d != "" {
		t.Errorf("read is not what was written: %s", d)
	}
	if err := got.Write(path); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
		t.Errorf("written again it is\n%s, not\n%s", second, first)
	}

	again := func(src string) *Result {
		in, _ := lintText(t, src)
		in.Options.Baseline = got
		res, err := Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	open, suppressed := split(again(before).Findings)
	if d := gocmp.Diff([]string(nil), open); d != "" || len(suppressed) != 2 {
		t.Errorf("as it was: %s %q", d, suppressed)
	}
	open, _ = split(again(strings.Replace(before, "  def up do\n", "  # moved\n\n  def up do\n    drop table(:a)\n    drop table(:b)\n", 1)).Findings)
	if d := gocmp.Diff([]string{"drop-table", "drop-table"}, open); d != "" {
		t.Errorf("a third and another: %s", d)
	}
	if unused := again(strings.Replace(before, "    drop table(:a)\n", "", 1)).Unused; len(unused) != 1 || unused[0].Path != path {
		t.Errorf("mended: unused %v", unused)
	}
}

func TestABaselineThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "none": "[]", "version": `{"version": 2, "findings": []}`, "unknown": `{"version": 1, "entries": []}`,
		"no rule": `{"version": 1, "findings": [{"path": "a", "line": "b"}]}`,
	} {
		path := filepath.Join(t.TempDir(), "b.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBaseline(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadBaseline(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && err == nil {
		t.Error("a file that is not there is read")
	}
}

// FuzzSuppression: comments of any form do not make reading them fail, what is added suppresses, and it leaves the rest of
// the text as it was.
func FuzzSuppression(f *testing.F) {
	for _, s := range []string{
		"# ops-console:ignore drop-table -- a\ndrop table(:a)", "x # ops-console:ignore a, b — c", "# ops-console:ignore-file - - -",
		"# ops-console:", "#ops-console:ignore--", "# excellent_migrations : safety-assured-for-next-line table_dropped",
		"a(\"\"\"\n# x\n\"\"\")\n", "\ufeffdef a do\r\n b\r\nend", "[\n # ops-console:ignore drop-table -- a\n 1,\n 2]",
	} {
		f.Add(s, uint(2))
	}
	f.Fuzz(func(t *testing.T, src string, line uint) {
		lines := strings.Count(src, "\n") + 1
		at := ecto.Span{Line: int(line%uint(lines)) + 1, Column: 2}
		before, _ := ignores("a.exs", []byte(src))
		for _, g := range before {
			if g.reason == "" || len(g.rules) == 0 || g.from > g.to {
				t.Errorf("%+v", g)
			}
		}
		out := AddSuppression([]byte(src), at, "drop-table", "a reason")
		if len(out) == len(src) {
			return
		}
		added := bytes.Count(out, []byte("\n")) - strings.Count(src, "\n")
		if added != 1 {
			t.Fatalf("%d lines added to %q: %q", added, src, out)
		}
		moved := at
		if !bytes.Contains(out, []byte("ignore-file drop-table -- a reason")) {
			moved.Line++
		}
		if _, errs := elixir.Parse([]byte(src), ""); len(errs) == 0 && !suppresses(out, moved, "drop-table") {
			t.Errorf("%q at line %d: not suppressed by %q", src, at.Line, out)
		}
	})
}
