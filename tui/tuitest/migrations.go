package tuitest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
)

// Project says what a sample of migrations has.
type Project struct {
	Calm       bool // nothing is pending
	NoDatabase bool
	Failing    bool // the database was read once, and cannot be now
	Past       int  // further migrations that ran
	Broken     bool // a pending file does not parse
	Gone       bool // a version without a file
	Repos      bool // a second repo
	Hostile    bool // names and texts that a terminal must not see
}

// MigrationsFeed is a good reading of a sample.
func MigrationsFeed(seq uint64, s *watch.Snapshot) feed.Snapshot[*watch.Snapshot] {
	return feed.Snapshot[*watch.Snapshot]{Seq: seq, At: s.At, GoodAt: s.At, Value: s}
}

const dropRef = `defmodule Shop.Repo.Migrations.DropLegacyRef do
  use Ecto.Migration

  # Unused since release 1460.
  def change do
    alter table(:orders) do
      remove :legacy_ref
    end

    create index(:orders, [:ref], where: "ref IS NOT NULL")
  end
end
`

const addKind = `defmodule Shop.Repo.Migrations.AddKindToEvents do
  use Ecto.Migration

  def up do
    execute "SET LOCAL lock_timeout = '2s'"

    alter table(:events) do
      add :kind, :string, default: "view", null: false
    end

    execute """
    UPDATE events
       SET kind = 'order'
     WHERE order_id IS NOT NULL
    """
  end

  def down do
    alter table(:events) do
      remove :kind
    end
  end
end
`

const createTags = `defmodule Shop.Repo.Migrations.CreateTags do
  use Ecto.Migration

  def change do
    create table(:tags) do
      add :name, :string, null: false
      timestamps()
    end

    create unique_index(:tags, [:name])
  end
end
`

const brokenFile = `defmodule Shop.Repo.Migrations.AddNote do
  use Ecto.Migration

  def change do
    alter table(:orders do
      add :note, :text
    end
  end
end
`

// at is the place of a text in a source.
func at(src, text string) ecto.Span {
	i := strings.Index(src, text)
	if i < 0 {
		return ecto.Span{}
	}
	line := 1 + strings.Count(src[:i], "\n")
	column := i - strings.LastIndexByte(src[:i], '\n')
	end := i + len(text)
	return ecto.Span{Line: line, Column: column, EndLine: 1 + strings.Count(src[:end], "\n"), EndColumn: end - strings.LastIndexByte(src[:end], '\n')}
}

// Migrations is a project with a little of everything: 31 files that ran, and four that are pending.
func Migrations(o Project) *watch.Snapshot {
	now := Now()
	in := lint.Input{
		Repo:    project.Repo{Module: "Shop.Repo", App: "shop", Root: ".", Dirs: []string{"priv/repo/migrations"}, Settings: project.DefaultSettings()},
		Sources: map[string][]byte{},
	}
	for i := range 28 + o.Past {
		add(&in, 20250101000000+int64(i)*1_000_000, fmt.Sprintf("add_part_%d", i+1), strings.ReplaceAll(createTags, "tags", fmt.Sprintf("parts_%d", i+1)), nil, nil)
	}
	ran := len(in.Migrations)
	if !o.Calm {
		pendingOnes(&in, o)
	}
	slices.SortFunc(in.Migrations, func(a, b ecto.Migration) int { return int(a.Version - b.Version) })
	res := &lint.Result{Findings: findings(o), Checked: len(in.Migrations)}
	if o.Calm {
		res.Findings = nil
	}
	r := watch.Repo{Input: in, Result: res}
	s := &watch.Snapshot{At: now, Dir: "/src/shop", Database: watch.Database{Configured: true, Node: "fra-1", At: now.Add(-12 * time.Second)}}
	switch {
	case o.NoDatabase:
		s.Database = watch.Database{}
	default:
		r.Input.Live = live(&in, ran, now)
		r.Statuses = statuses(&in, o, now)
	}
	if o.Failing {
		s.Database.At = now.Add(-8 * time.Minute)
		s.Database.Err = fmt.Errorf("fra-1: no answer within 2 s")
	}
	s.Repos = []watch.Repo{r}
	if o.Repos {
		second := lint.Input{Repo: project.Repo{Module: "Shop.Audit.Repo", App: "shop", Root: ".", Dirs: []string{"priv/audit/migrations"}}, Sources: map[string][]byte{}}
		add(&second, 20260101000000, "create_entries", strings.ReplaceAll(createTags, "tags", "entries"), nil, nil)
		s.Repos = append(s.Repos, watch.Repo{Input: second, Result: &lint.Result{Checked: 1}})
		s.Notes = []project.Note{{Path: "config/runtime.exs", Note: ecto.Note{Text: "the audit repo's priv is computed; priv/audit/migrations is taken"}}}
	}
	if o.Hostile {
		vandalise(s)
	}
	return s
}

func pathOf(version int64, name string) string {
	return fmt.Sprintf("priv/repo/migrations/%d_%s.exs", version, name)
}

func add(in *lint.Input, version int64, name, src string, up, down []ecto.Operation) *ecto.Migration {
	m := ecto.Migration{Path: pathOf(version, name), Repo: in.Repo.Module, Version: version, Name: name, Up: up, Down: down, DownFrom: "change"}
	in.Repo.Files = append(in.Repo.Files, project.File{Path: m.Path, Version: version, Name: name})
	in.Sources[m.Path] = []byte(src)
	in.Migrations = append(in.Migrations, m)
	return &in.Migrations[len(in.Migrations)-1]
}

const (
	dropVersion = 20260304110000
	kindVersion = 20260303090000
	tagsVersion = 20260302080000
	lateVersion = 20250110120000
)

func pendingOnes(in *lint.Input, o Project) {
	orders, events, tags := ecto.Name{Name: "orders"}, ecto.Name{Name: "events"}, ecto.Name{Name: "tags"}
	yes := true
	no := false
	m := add(in, dropVersion, "drop_legacy_ref", dropRef, []ecto.Operation{
		{Kind: ecto.RemoveColumn, At: at(dropRef, "remove :legacy_ref"), Statement: 1, Table: orders, Column: ecto.Column{Name: "legacy_ref"}, SQL: []string{`ALTER TABLE "orders" DROP COLUMN "legacy_ref"`}},
		{Kind: ecto.CreateIndex, At: at(dropRef, `create index(:orders, [:ref], where: "ref IS NOT NULL")`), Statement: 2, Table: orders, Name: ecto.Name{Name: "orders_ref_index"}, Columns: []ecto.IndexColumn{{Name: "ref"}}, SQL: []string{`CREATE INDEX "orders_ref_index" ON "orders" ("ref") WHERE ref IS NOT NULL`}},
	}, nil)
	m.DownFrom, m.Irreversible = "", []ecto.Note{{At: at(dropRef, "remove :legacy_ref"), Code: "irreversible", Text: "remove without a type cannot be turned around"}}
	m = add(in, kindVersion, "add_kind_to_events", addKind, []ecto.Operation{
		{Kind: ecto.Set, At: at(addKind, "execute"), Statement: 1, Setting: "lock_timeout", Expression: "2s", Local: true, Raw: true, SQL: []string{"SET LOCAL lock_timeout = '2s'"}},
		{Kind: ecto.AddColumn, At: at(addKind, `add :kind, :string, default: "view", null: false`), Statement: 2, Table: events, Column: ecto.Column{Name: "kind", Type: "varchar(255)", Null: &no, Default: &ecto.Default{SQL: "'view'"}}, SQL: []string{`ALTER TABLE "events" ADD COLUMN "kind" varchar(255) DEFAULT 'view' NOT NULL`}},
		{Kind: ecto.Update, At: at(addKind, "execute \"\"\"\n"), Statement: 3, Table: events, Where: "order_id IS NOT NULL", Raw: true, SQL: []string{"UPDATE events SET kind = 'order' WHERE order_id IS NOT NULL"}},
	}, []ecto.Operation{{Kind: ecto.RemoveColumn, At: at(addKind, "remove :kind"), Statement: 1, Table: events, Column: ecto.Column{Name: "kind"}, SQL: []string{`ALTER TABLE "events" DROP COLUMN "kind"`}}})
	m.DownFrom = "down"
	add(in, tagsVersion, "create_tags", createTags, []ecto.Operation{
		{Kind: ecto.CreateTable, At: at(createTags, "create table(:tags) do"), Statement: 1, Table: tags, SQL: []string{`CREATE TABLE "tags" ("id" bigserial, "name" varchar(255) NOT NULL, …)`}},
		{Kind: ecto.AddColumn, At: at(createTags, "add :name, :string, null: false"), Statement: 1, Table: tags, Column: ecto.Column{Name: "name", Type: "varchar(255)", Null: &no}},
		{Kind: ecto.CreateIndex, At: at(createTags, "create unique_index(:tags, [:name])"), Statement: 2, Unique: yes, Table: tags, Name: ecto.Name{Name: "tags_name_index"}, Columns: []ecto.IndexColumn{{Name: "name"}}, SQL: []string{`CREATE UNIQUE INDEX "tags_name_index" ON "tags" ("name")`}},
	}, []ecto.Operation{{Kind: ecto.DropTable, Statement: 1, Table: tags}})
	late := strings.ReplaceAll(createTags, "tags", "labels")
	labels := ecto.Name{Name: "labels"}
	add(in, lateVersion, "create_labels", late, []ecto.Operation{{Kind: ecto.CreateTable, At: at(late, "create table(:labels) do"), Statement: 1, Table: labels}}, []ecto.Operation{{Kind: ecto.DropTable, Statement: 1, Table: labels}})
	if o.Broken {
		m = add(in, 20260304120000, "add_note", brokenFile, nil, nil)
		m.DownFrom = ""
		m.Notes = []ecto.Note{{At: ecto.Span{Line: 5, Column: 24}, Code: "parse-error", Text: `syntax error before: "do"`}}
	}
}

func findings(o Project) []lint.Finding {
	orders, events := ecto.Name{Name: "orders"}, ecto.Name{Name: "events"}
	drop, kind := pathOf(dropVersion, "drop_legacy_ref"), pathOf(kindVersion, "add_kind_to_events")
	long := lint.Hold{Lo: 90 * time.Second, Hi: 6 * time.Minute, Basis: "41 GB at 100–400 MB/s"}
	var size []string
	if !o.NoDatabase {
		size = []string{"orders has 41 GB and 318 M rows"}
	} else {
		long, size = lint.Hold{}, []string{"the size of orders is not known: taken as large"}
	}
	ff := []lint.Finding{
		{
			Rule: "remove-column", Severity: lint.Error, Path: drop, Version: dropVersion, At: at(dropRef, "remove :legacy_ref"), Table: orders, Mode: locks.AccessExclusive,
			Text: "Shop.Order still has the field legacy_ref (lib/shop/order.ex:14): instances that run now select it by name and fail once it is gone.",
			Why:  []string{"lib/shop/order.ex:14 names the column"}, Recipe: "deploy a release without the field first, drop the column in the one after", SQL: []string{`ALTER TABLE "orders" DROP COLUMN "legacy_ref"`},
		},
		{
			Rule: "index-not-concurrent", Severity: lint.Error, Path: drop, Version: dropVersion, At: at(dropRef, `create index(:orders, [:ref], where: "ref IS NOT NULL")`), Table: orders, Mode: locks.Share,
			Text: "Building orders_ref_index holds SHARE on orders: nobody can write to it until the index is done.", Why: size, Hold: long,
			Recipe: "move it to a migration of its own with concurrently: true and @disable_ddl_transaction true",
			Code:   "@disable_ddl_transaction true\n@disable_migration_lock true\n\ndef change do\n  create index(:orders, [:ref], where: \"ref IS NOT NULL\", concurrently: true)\nend\n",
			SQL:    []string{`CREATE INDEX "orders_ref_index" ON "orders" ("ref") WHERE ref IS NOT NULL`},
		},
		{
			Rule: "backfill-in-ddl-tx", Severity: lint.Warning, Path: kind, Version: kindVersion, At: at(addKind, "execute \"\"\"\n"), Table: events, Mode: locks.AccessExclusive,
			Text:   "The rows of events are updated in the transaction that altered the table: ACCESS EXCLUSIVE is held until all of them are written.",
			Recipe: "fill the column in batches in a migration of its own",
		},
		{
			Rule: "fk-missing-index", Severity: lint.Info, Path: pathOf(tagsVersion, "create_tags"), Version: tagsVersion, At: at(createTags, "add :name, :string, null: false"),
			Text: "Nothing of importance.", Suppressed: &lint.Suppression{Reason: "the table stays small", Path: pathOf(tagsVersion, "create_tags"), Line: 5},
		},
	}
	return ff
}

func live(in *lint.Input, ran int, now time.Time) *catalog.Snapshot {
	big, rowsOf := int64(41_200_000_000), int64(318_000_000)
	small, few := int64(96_000_000), int64(610_000)
	st := &schema.State{Complete: true}
	st.Add(&schema.Table{Name: ecto.Name{Name: "orders"}, Bytes: &big, Rows: &rowsOf, Whole: true, Columns: []schema.Column{{Name: "id"}, {Name: "ref"}, {Name: "legacy_ref"}}})
	st.Add(&schema.Table{Name: ecto.Name{Name: "events"}, Bytes: &small, Rows: &few, Whole: true, Columns: []schema.Column{{Name: "id"}, {Name: "order_id"}}})
	s := &catalog.Snapshot{
		At: now.Add(-12 * time.Second), Node: "fra-1", Database: "shop", Version: 150018, State: st, TimeZone: "UTC",
		Traffic: map[ecto.Name]catalog.Traffic{{Name: "orders"}: {Reads: 1930, Writes: 84.2, Over: time.Hour}},
	}
	for i := range ran {
		s.Applied = append(s.Applied, catalog.Applied{Version: in.Repo.Files[i].Version, InsertedAt: now.Add(-time.Duration(ran-i) * 31 * time.Hour)})
	}
	return s
}

func statuses(in *lint.Input, o Project, now time.Time) []lint.Status {
	var out []lint.Status
	i := 0
	for _, m := range in.Migrations {
		s := lint.Status{Version: m.Version, Path: m.Path, Name: m.Name, State: lint.Up, InsertedAt: now.Add(-time.Duration(40-i) * 31 * time.Hour)}
		switch {
		case m.Version == lateVersion:
			s.State, s.InsertedAt = lint.OutOfOrder, time.Time{}
		case m.Version >= tagsVersion:
			s.State, s.InsertedAt = lint.Down, time.Time{}
		}
		out = append(out, s)
		i++
	}
	if o.Gone {
		out = append(out, lint.Status{Version: 20260115000000, State: lint.FileNotFound, InsertedAt: now.Add(-5 * 24 * time.Hour)})
	}
	return out
}

// Rehearsed is what a rehearsal of the sample measures. What it says of the index differs from what was predicted.
func Rehearsed() []rehearse.Step {
	drop := pathOf(dropVersion, "drop_legacy_ref")
	orders := ecto.Name{Name: "orders"}
	return []rehearse.Step{
		{Path: drop, Version: dropVersion, At: at(dropRef, "remove :legacy_ref"), SQL: `ALTER TABLE "orders" DROP COLUMN "legacy_ref"`, Took: 3 * time.Millisecond, Measured: []rehearse.Lock{{Table: orders, Mode: locks.AccessExclusive}}},
		{Path: drop, Version: dropVersion, SQL: `CREATE INDEX "orders_ref_index" ON "orders" ("ref") WHERE ref IS NOT NULL`, Measured: []rehearse.Lock{{Table: orders, Mode: locks.ShareUpdateExclusive}}, Differs: []string{"predicted SHARE on orders, measured SHARE UPDATE EXCLUSIVE"}},
	}
}

// Explain knows one rule.
func Explain(id string) (lint.Rule, bool) {
	if id != "index-not-concurrent" {
		return lint.Rule{}, false
	}
	return lint.Rule{
		ID: id, Title: "An index is built while nobody can write", Severity: lint.Error, Group: "indexes",
		Doc: lint.Doc{
			Lock: "SHARE on the table, for the whole build", Blocks: "INSERT, UPDATE and DELETE; reads go on", Versions: "all",
			Why:   "CREATE INDEX reads the whole table while it holds a lock that no writer gets past. Requests that write wait, keep their connection, and soon there is none left for those that only read.",
			Bad:   "create index(:orders, [:ref])\n",
			Good:  "@disable_ddl_transaction true\n@disable_migration_lock true\n\ndef change do\n  create index(:orders, [:ref], concurrently: true)\nend\n",
			Steps: []string{"build the index concurrently, in a migration of its own", "check that it is valid before anything relies on it"},
			See:   []string{"https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY"},
		},
	}, true
}

// vandalise puts into every text what a terminal must not see.
func vandalise(s *watch.Snapshot) {
	bad := "\x1b[31m\x07\u202e\u200b界\t" + strings.Repeat("é́", 40)
	for i := range s.Repos {
		r := &s.Repos[i]
		r.Input.Repo.Module = bad
		for k := range r.Input.Migrations {
			m := &r.Input.Migrations[k]
			m.Name = bad
			m.Notes = append(m.Notes, ecto.Note{At: ecto.Span{Line: 2, Column: 99}, Text: bad})
			r.Input.Sources[m.Path] = append([]byte(bad+"\n\""), r.Input.Sources[m.Path]...)
		}
		for k := range r.Result.Findings {
			f := &r.Result.Findings[k]
			f.Text, f.Recipe, f.Code, f.Why = bad, bad, bad+"\n"+bad, []string{bad}
			f.At.Column += 1000
			f.Table.Name = bad
		}
		for k := range r.Statuses {
			r.Statuses[k].Name = bad
		}
	}
	s.Notes = []project.Note{{Path: bad, Note: ecto.Note{Text: bad}}}
	s.Database.Node, s.Database.Err = bad, fmt.Errorf("%s", bad)
}
