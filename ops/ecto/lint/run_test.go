package lint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/schema"
)

// inputFrom is an input of migrations given as source text, in order.
func inputFrom(sources ...string) Input {
	in := Input{
		Repo:    project.Repo{Module: "Demo.Repo", App: "demo", Root: ".", Settings: project.DefaultSettings()},
		Sources: map[string][]byte{},
	}
	for i, src := range sources {
		f := project.File{Version: int64(20240101000000 + i), Name: fmt.Sprintf("m%d", i)}
		f.Path = fmt.Sprintf("priv/repo/migrations/%d_%s.exs", f.Version, f.Name)
		in.Repo.Files = append(in.Repo.Files, f)
		in.Sources[f.Path] = []byte(src)
		in.Migrations = append(in.Migrations, lower.Migration(f, []byte(src), in.Repo.Settings))
	}
	return in
}

// migrationOf is the source text of a migration with a body of change/0.
func migrationOf(name string, body ...string) string {
	return "defmodule Demo.Repo.Migrations." + name + " do\n  use Ecto.Migration\n\n  def change do\n    " +
		strings.Join(body, "\n    ") + "\n  end\nend\n"
}

func mustRun(t testing.TB, in Input) *Result {
	t.Helper()
	res, err := Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// heavy are statements that lock a table of the name TABLE for as long as it is large.
var heavy = []string{
	`create index(:TABLE, [:a])`,
	`create unique_index(:TABLE, [:a, :b])`,
	`execute "CREATE INDEX ON TABLE (b)", "SELECT 1"`,
	"alter table(:TABLE) do\n      add :c%d, :uuid, default: fragment(\"gen_random_uuid()\")\n    end",
	"alter table(:TABLE) do\n      add :c%d, :bigserial\n    end",
	"alter table(:TABLE) do\n      add :c%d, references(:other)\n    end",
	"alter table(:TABLE) do\n      modify :a, :bigint\n    end",
	"alter table(:TABLE) do\n      modify :b, :string, null: false\n    end",
	`execute "ALTER TABLE TABLE ALTER COLUMN a SET NOT NULL", "SELECT 1"`,
	`execute "ALTER TABLE TABLE ADD CONSTRAINT k%d UNIQUE (a)", "SELECT 1"`,
	`create constraint(:TABLE, :check%d, check: "a > 0")`,
	`execute "ALTER TABLE TABLE ADD COLUMN g%d int GENERATED ALWAYS AS (a + 1) STORED", "SELECT 1"`,
	`execute "REINDEX TABLE TABLE", "SELECT 1"`,
	`execute "CREATE TRIGGER t%d BEFORE INSERT ON TABLE FOR EACH ROW EXECUTE FUNCTION f()", "SELECT 1"`,
}

// TestNothingIsSaidOfLocksOnATableOfTheSameMigration: nobody else sees it. The same statements on a table of an earlier
// migration are found, every one.
func TestNothingIsSaidOfLocksOnATableOfTheSameMigration(t *testing.T) {
	create := func(name string) string {
		return "create table(:" + name + ") do\n      add :a, :integer\n      add :b, :text\n    end"
	}
	rapid.Check(t, func(t *rapid.T) {
		picks := rapid.SliceOfN(rapid.IntRange(0, len(heavy)-1), 1, 8).Draw(t, "statements")
		var body []string
		for i, n := range picks {
			s := strings.ReplaceAll(heavy[n], "TABLE TABLE", "TABLE posts")
			s = strings.ReplaceAll(strings.ReplaceAll(s, "ON TABLE", "ON posts"), ":TABLE", ":posts")
			if strings.Contains(s, "%d") {
				s = fmt.Sprintf(s, i)
			}
			body = append(body, s)
		}
		res, err := Run(context.Background(), inputFrom(migrationOf("One", append([]string{create("posts")}, body...)...)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range res.Findings {
			if f.Mode > locks.None && f.Table.Name == "posts" {
				t.Errorf("%s: %s, of a table that the migration makes itself", f.Rule, f.Text)
			}
		}
		res, err = Run(context.Background(), inputFrom(migrationOf("One", create("posts")), migrationOf("Two", body...)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Mode > locks.None && f.Table.Name == "posts" }) {
			t.Errorf("nothing found in %q", body)
		}
	})
}

func number(n int64) *int64 { return &n }

// live is a database with one table of a size.
func live(rows, bytes int64) *catalog.Snapshot {
	s := &schema.State{Complete: true}
	s.Add(&schema.Table{Name: ecto.Name{Name: "posts"}, Rows: number(rows), Bytes: number(bytes)})
	return &catalog.Snapshot{Version: 160004, State: s, TimeZone: "UTC"}
}

func TestSeverityFollowsTheContext(t *testing.T) {
	index := migrationOf("Index", "create index(:posts, [:title])")
	posts := migrationOf("Posts", "create table(:posts) do\n      add :title, :text\n    end")
	first, second := int64(20240101000000), int64(20240101000001)
	for _, tt := range []struct {
		name string
		in   func() Input
		want Severity // Off: nothing is found
		why  string
	}{
		{"no database", func() Input { return inputFrom(index) }, Error, "assumed large: no database was asked"},
		{"large", func() Input { in := inputFrom(index); in.Live = live(2_000_000, 410_000_000); return in }, Error, "posts has 2.0 M rows, 410 MB"},
		{"small", func() Input { in := inputFrom(index); in.Live = live(412, 98_304); return in }, Info, "posts has 412 rows, 98 kB"},
		{"few rows, many bytes", func() Input { in := inputFrom(index); in.Live = live(412, 410_000_000); return in }, Error, "posts has 412 rows, 410 MB"},
		{"small by the options", func() Input {
			in := inputFrom(index)
			in.Live = live(2_000_000, 410_000_000)
			in.Options.SmallRows, in.Options.SmallBytes = 5_000_000, 1<<30
			return in
		}, Info, "posts has 2.0 M rows, 410 MB"},
		{"no figures", func() Input {
			in := inputFrom(index)
			in.Live = &catalog.Snapshot{Version: 160004, State: &schema.State{Complete: true}}
			return in
		}, Error, "assumed large: the database has no figures of posts"},
		{"both pending", func() Input { in := inputFrom(posts, index); in.Live = live(1, 8192); return in }, Info, "posts is made by 20240101000000_m0.exs, which goes out together with this"},
		{"both chosen", func() Input {
			in := inputFrom(posts, index)
			in.Options.Check = func(v int64) bool { return v >= first }
			return in
		}, Info, "posts is made by 20240101000000_m0.exs, which goes out together with this"},
		{"made by one that was not chosen", func() Input {
			in := inputFrom(posts, index)
			in.Options.Check = func(v int64) bool { return v >= second }
			return in
		}, Error, "assumed large: no database was asked"},
		{"made by one that ran", func() Input {
			in := inputFrom(posts, index)
			in.Live = live(2_000_000, 410_000_000)
			in.Live.Applied = []catalog.Applied{{Version: first}}
			return in
		}, Error, "posts has 2.0 M rows, 410 MB"},
		{"asked for as a warning", func() Input {
			in := inputFrom(index)
			in.Options.Severity = map[string]Severity{"index-not-concurrent": Warning}
			return in
		}, Warning, "assumed large: no database was asked"},
		{"its group off", func() Input {
			in := inputFrom(index)
			in.Options.Severity = map[string]Severity{"indexes": Off}
			return in
		}, Off, ""},
		{"its group off, itself on", func() Input {
			in := inputFrom(index)
			in.Options.Severity = map[string]Severity{"indexes": Off, "index-not-concurrent": Info}
			return in
		}, Info, "assumed large: no database was asked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := Off, ""
			for _, f := range mustRun(t, tt.in()).Findings {
				if f.Rule == "index-not-concurrent" {
					got, why = f.Severity, strings.Join(f.Why, "; ")
				}
			}
			if got != tt.want || why != tt.why {
				t.Errorf("got %s %q, want %s %q", got, why, tt.want, tt.why)
			}
		})
	}
}

func TestHoldIsEstimatedFromTheSize(t *testing.T) {
	for _, tt := range []struct {
		name, body, rule string
		want             Hold
	}{
		{"build", `create index(:posts, [:title])`, "index-not-concurrent", Hold{time.Second, 13700 * time.Millisecond, "410 MB read and sorted at 30–400 MB/s"}},
		{"rewrite", `execute "ALTER TABLE posts ADD COLUMN n bigserial", "SELECT 1"`, "add-column-serial", Hold{4100 * time.Millisecond, 41 * time.Second, "410 MB written again with its indexes at 10–100 MB/s"}},
		{"scan", `execute "ALTER TABLE posts ALTER COLUMN n SET NOT NULL", "SELECT 1"`, "set-not-null", Hold{205 * time.Millisecond, 4100 * time.Millisecond, "410 MB read at 100–2000 MB/s"}},
		{"nothing to do", `execute "DROP INDEX posts_title_index", "SELECT 1"`, "index-drop-not-concurrent", Hold{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inputFrom(migrationOf("One", tt.body))
			in.Live = live(2_000_000, 410_000_000)
			for _, f := range mustRun(t, in).Findings {
				if f.Rule != tt.rule {
					continue
				}
				got := Hold{f.Hold.Lo.Round(100 * time.Millisecond / 100), f.Hold.Hi.Round(100 * time.Millisecond), f.Hold.Basis}
				if got.Lo > time.Second {
					got.Lo = got.Lo.Round(100 * time.Millisecond)
				} else if got.Lo > 900*time.Millisecond {
					got.Lo = got.Lo.Round(time.Second)
				}
				if d := gocmp.Diff(tt.want, got); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
				return
			}
			t.Error("not found")
		})
	}
}

func TestSizesReadAsPeopleSayThem(t *testing.T) {
	for want, s := range map[string]size{
		"0 rows, 0 B":        {number(0), number(0)},
		"1 row, 8.2 kB":      {number(1), number(8192)},
		"9999 rows, 999 B":   {number(9999), number(999)},
		"12 k rows, 41 MB":   {number(12_345), number(41_000_000)},
		"2.0 M rows, 410 MB": {number(2_000_000), number(410_000_000)},
		"1.5 G rows, 1.2 TB": {number(1_500_000_000), number(1_200_000_000_000)},
		"17 MB":              {nil, number(16 << 20)},
		"300 rows":           {number(300), nil},
		"unknown size":       {},
	} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestOnePlaceIsOneFinding: a loop has as many operations at one place as it has rounds.
func TestOnePlaceIsOneFinding(t *testing.T) {
	in := inputFrom(migrationOf("One", "for t <- [:posts, :users, :pages] do", "  create index(t, [:title])", "end"))
	ff := mustRun(t, in).Findings
	i := slices.IndexFunc(ff, func(f Finding) bool { return f.Rule == "index-not-concurrent" })
	if i < 0 || len(found(ff)) == 0 {
		t.Fatalf("got %q", found(ff))
	}
	want := []string{"assumed large: no database was asked", "this place does the same 2 times more, to users and pages"}
	if d := gocmp.Diff(want, ff[i].Why); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(ff[i].SQL) != 3 {
		t.Errorf("SQL of %d statements: %q", len(ff[i].SQL), ff[i].SQL)
	}
	if n := slices.IndexFunc(ff[i+1:], func(f Finding) bool { return f.Rule == "index-not-concurrent" }); n >= 0 {
		t.Error("found twice")
	}
}

func TestCodeHasThePlacesOwnNames(t *testing.T) {
	in := inputFrom(migrationOf("One", `create unique_index(:posts, ["lower(slug)", :title], name: :posts_both, prefix: "blog", where: "title <> '#{1}'")`))
	for _, f := range mustRun(t, in).Findings {
		if f.Rule != "index-not-concurrent" {
			continue
		}
		want := `@disable_ddl_transaction true
# and in the configuration: config :demo, Demo.Repo, migration_lock: :pg_advisory_lock

def change do
  create unique_index(:posts, ["lower(slug)", :title], name: :posts_both, prefix: "blog", where: "title <> '1'", concurrently: true)
end`
		if d := gocmp.Diff(want, f.Code); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		return
	}
	t.Error("not found")
}

// TestSafeVersionsSayAllThatWasSaid: a foreign key keeps its type, its name and what it does; what clears the way can be undone.
func TestSafeVersionsSayAllThatWasSaid(t *testing.T) {
	for _, tt := range []struct{ rule, body, want string }{
		{
			"add-column-references", "alter table(:posts) do add :a, references(:users, type: :uuid, on_delete: :nilify_all) end",
			"add :a, references(:users, type: :uuid, on_delete: :nilify_all, validate: false)",
		},
		{
			"add-column-references", `alter table(:posts) do add :a, references(:users, column: :key, name: "k", on_update: :update_all, with: [b: :c]) end`,
			"add :a, references(:users, column: :key, with: [b: :c], on_update: :update_all, validate: false)",
		},
		{
			"add-column-references", `alter table(:posts) do add :a, references("users", name: :own_key, prefix: "s") end`,
			`add :a, references(:users, prefix: "s", name: :own_key, validate: false)`,
		},
		{
			"add-not-null-no-default", "alter table(:posts) do add :a, references(:users), null: false end",
			"add :a, references(:users, validate: false)",
		},
		{
			"fk-modify-swap", "alter table(:posts) do modify :a, references(:users, on_delete: :delete_all), from: references(:users) end",
			`"ALTER TABLE posts ADD CONSTRAINT posts_a_fkey FOREIGN KEY (a) REFERENCES users (id) NOT VALID"`,
		},
		{"index-not-concurrent", `create index(:posts, [:a], using: "GIN")`, "create index(:posts, [:a], using: :gin, concurrently: true)"},
		{"index-drop-not-concurrent", "drop_if_exists unique_index(:posts, [:a, :b])", "drop_if_exists unique_index(:posts, [:a, :b], concurrently: true)"},
		{"index-drop-not-concurrent", `drop index(:posts, [:a], name: :own, where: "b > 1")`, `drop index(:posts, [:a], name: :own, where: "b > 1", concurrently: true)`},
		{"index-if-not-exists-invalid", "create_if_not_exists index(:posts, [:a], concurrently: true)", "def down do\n  drop_if_exists index(:posts, [:a], concurrently: true)\nend"},
	} {
		in := inputFrom(migrationOf("A", tt.body))
		i := slices.IndexFunc(mustRun(t, in).Findings, func(f Finding) bool { return f.Rule == tt.rule })
		if i < 0 {
			t.Errorf("%s: no %s", tt.body, tt.rule)
			continue
		}
		if code := mustRun(t, in).Findings[i].Code; !strings.Contains(code, tt.want) {
			t.Errorf("%s: want %s in\n%s", tt.body, tt.want, code)
		}
	}
}

// TestCodeIsSafe: what is offered is not found fault with by the rule that offers it.
func TestCodeIsSafe(t *testing.T) {
	names, err := filepath.Glob("testdata/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, name := range names {
		f := readFixture(t, name)
		for _, found := range mustRun(t, f.in).Findings {
			code, _, _ := strings.Cut(found.Code, "\n\n# ")
			if !strings.Contains(code, "def change do") && !strings.Contains(code, "def up do") || strings.HasPrefix(code, "#") || strings.Contains(code, "…") {
				continue
			}
			tried++
			r, _ := Find(found.Rule)
			ours := r.Group == "indexes" || r.Group == "columns"
			in := inputFrom("defmodule Demo.Repo.Migrations.Safe do\n  use Ecto.Migration\n\n" + code + "\nend\n")
			in.Repo.Settings.Lock = project.AdvisoryLock
			in.Options.Target = f.in.Options.Target
			if notes := in.Migrations[0].Notes; len(notes) > 0 {
				t.Errorf("%s: %s: the code has faults: %v\n%s", name, found.Rule, notes, code)
			}
			for _, again := range mustRun(t, in).Findings {
				// What dropped an index that nobody knows cannot be undone by anything.
				lost := again.Rule == "irreversible-change" && !strings.Contains(code, "DROP INDEX")
				if again.Rule == found.Rule || again.Rule == "sql-syntax" || again.Rule == "raises" || ours && lost {
					t.Errorf("%s: the code for %s is found fault with: %s: %s\n%s", name, found.Rule, again.Rule, again.Text, code)
				}
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d findings have code that is a migration", tried)
	}
}

// TestNothingInAFindingMovesTheCursor: names are the project's, and may be anything.
func TestNothingInAFindingMovesTheCursor(t *testing.T) {
	in := inputFrom(migrationOf("One", `create index("po\e[31msts", ["ti\e]0;x\atle", "a\rb"], where: "\u202e")`))
	ff := mustRun(t, in).Findings
	if len(ff) == 0 {
		t.Fatal("nothing found")
	}
	for _, f := range ff {
		for _, s := range slices.Concat([]string{f.Text, f.Recipe, f.Code}, f.Why, f.SQL) {
			if strings.ContainsAny(s, "\x1b\a\r\u202e") {
				t.Errorf("%s: %q", f.Rule, s)
			}
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, inputFrom(migrationOf("One", "execute \"SELECT 1\""))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLoadReadsMigrationsAndSchemas(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mix.exs":           "defmodule Demo.MixProject do\n  use Mix.Project\n  def project, do: [app: :demo]\nend\n",
		"config/config.exs": "import Config\nconfig :demo, ecto_repos: [Demo.Repo]\n",
		"lib/demo/repo.ex":  "defmodule Demo.Repo do\n  use Ecto.Repo, otp_app: :demo, adapter: Ecto.Adapters.Postgres\nend\n",
		"lib/demo/post.ex":  "defmodule Demo.Post do\n  use Ecto.Schema\n  schema \"posts\" do\n    field :title, :string\n  end\nend\n",
		"priv/repo/migrations/20240101000000_posts.exs":  migrationOf("Posts", "create table(:posts) do\n      add :title, :text\n    end"),
		"priv/repo/migrations/20240102000000_remove.exs": migrationOf("Remove", "alter table(:posts) do\n      remove :title, :text\n    end"),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Open(dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// A file that is gone between the listing and the reading is a migration that says so.
	p.Repos[0].Files = append(p.Repos[0].Files, project.File{Path: "priv/repo/migrations/20240103000000_gone.exs", Version: 20240103000000, Name: "gone"})
	in, err := Load(t.Context(), p, p.Repos[0])
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range in.Migrations {
		names = append(names, m.Name)
	}
	if d := gocmp.Diff([]string{"posts", "remove", "gone"}, names); d != "" {
		t.Errorf("migrations (-want +got):\n%s", d)
	}
	if nn := in.Migrations[2].Notes; len(nn) != 1 || nn[0].Code != "unreadable" {
		t.Errorf("notes of the file that is gone: %v", nn)
	}
	ff := mustRun(t, in).Findings
	if !slices.ContainsFunc(ff, func(f Finding) bool { return f.Rule == "remove-column" && f.Repo == "Demo.Repo" }) {
		t.Errorf("the schema's field is not seen: %q", found(ff))
	}
}

func TestADumpThatIsNoSQLIsSaidSo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mix.exs":                 "defmodule Demo.MixProject do\n  use Mix.Project\n  def project, do: [app: :demo]\nend\n",
		"config/config.exs":       "import Config\nconfig :demo, ecto_repos: [Demo.Repo]\n",
		"lib/demo/repo.ex":        "defmodule Demo.Repo do\n  use Ecto.Repo, otp_app: :demo, adapter: Ecto.Adapters.Postgres\nend\n",
		"priv/repo/structure.sql": "CREATE TABEL posts ();\nINSERT INTO public.\"schema_migrations\" (version) VALUES (20230101000000);\n",
		"priv/repo/migrations/20240101000000_posts.exs": migrationOf("Posts", "create index(:posts, [:title])"),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Open(dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := Load(t.Context(), p, p.Repos[0])
	if err != nil {
		t.Fatal(err)
	}
	notes := mustRun(t, in).Notes
	if len(notes) != 1 || notes[0].Code != "dump-unread" || notes[0].Path != "priv/repo/structure.sql" {
		t.Errorf("notes: %+v", notes)
	}
}

// FuzzRun: whatever a file says, the run ends, and finds the same a second time.
func FuzzRun(f *testing.F) {
	names, err := filepath.Glob("testdata/*/*/*.exs")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, n := range names {
		src, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	for _, s := range heavy {
		f.Add(migrationOf("Seed", strings.ReplaceAll(s, "TABLE", "posts")))
	}
	posts := migrationOf("Posts", "create table(:posts) do\n      add :title, :text\n      add :user_id, references(:users)\n    end", "create unique_index(:posts, [:title])")
	f.Fuzz(func(t *testing.T, src string) {
		in := inputFrom(posts, src, src)
		in.Options.Down = true
		in.Options.Severity = map[string]Severity{"style": Info}
		first := mustRun(t, in)
		for _, finding := range first.Findings {
			if _, ok := Find(finding.Rule); !ok || finding.Text == "" || finding.Severity <= Off || finding.Severity > Error {
				t.Errorf("%+v", finding)
			}
		}
		if d := gocmp.Diff(first, mustRun(t, in)); d != "" {
			t.Errorf("a second run differs:\n%s", d)
		}
		in.Live = live(2_000_000, 410_000_000)
		in.Options.Target = 10
		mustRun(t, in)
	})
}
