package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

func table(name string) ecto.Name { return ecto.Name{Name: name} }

func addColumn(statement int, t, column, sql string) ecto.Operation {
	return ecto.Operation{Kind: ecto.AddColumn, Statement: statement, Table: table(t), Column: ecto.Column{Name: column, Type: sql}, SQL: []string{"ALTER TABLE " + t}}
}

func createTable(statement int, t string) ecto.Operation {
	return ecto.Operation{Kind: ecto.CreateTable, Statement: statement, Table: table(t), SQL: []string{"CREATE TABLE " + t}}
}

// modes are the tables and locks of steps, those of new tables in brackets.
func modes(steps []Step) [][]string {
	var out [][]string
	for _, s := range steps {
		line := []string{string(s.Kind)}
		for _, e := range s.Effects {
			text := e.Table.String() + " " + e.Mode.String()
			if e.New {
				text = "(" + text + ")"
			}
			line = append(line, text)
		}
		out = append(out, line)
	}
	return out
}

func TestStatementsOfOneMigration(t *testing.T) {
	in := lint.Input{Migrations: []ecto.Migration{
		{Path: "1", Version: 1, Up: []ecto.Operation{createTable(1, "users")}},
		{
			Path: "2", Version: 2,
			Up:   []ecto.Operation{createTable(1, "posts"), addColumn(2, "posts", "a", "int"), addColumn(3, "users", "b", "int"), addColumn(3, "users", "c", "bigserial")},
			Down: []ecto.Operation{{Kind: ecto.DropTable, Statement: 1, Table: table("posts")}},
		},
	}}
	got := Of(in, "2")
	want := [][]string{{"create_table"}, {"add_column", "(posts ACCESS EXCLUSIVE)"}, {"add_column", "users ACCESS EXCLUSIVE"}}
	if d := cmp.Diff(want, modes(got.Up)); d != "" {
		t.Error(d)
	}
	if e := got.Up[2].Effects[0]; !e.Rewrite || len(got.Up[2].SQL) != 2 {
		t.Errorf("of two subcommands the one that rewrites is lost: %+v", got.Up[2])
	}
	if d := cmp.Diff([][]string{{"drop_table", "posts ACCESS EXCLUSIVE"}}, modes(got.Down)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Plan{}, Of(in, "3")); d != "" {
		t.Error(d)
	}
}

func TestATableIsNewFromItsFirstColumnOn(t *testing.T) {
	no := false
	column := addColumn(1, "posts", "title", "text")
	column.Column.Null = &no
	make := createTable(1, "posts")
	in := lint.Input{Migrations: []ecto.Migration{{Path: "1", Up: []ecto.Operation{make, column}}}}
	if got := Of(in, "1").Up; len(got) != 1 || len(got[0].Effects) != 1 || !got[0].Effects[0].New {
		t.Errorf("%+v", got)
	}
	make.IfNotExists = true
	in = lint.Input{Migrations: []ecto.Migration{{Path: "1", Up: []ecto.Operation{createTable(1, "posts")}}, {Path: "2", Up: []ecto.Operation{make, column}}}}
	if got := Of(in, "2").Up; len(got) != 1 || len(got[0].Effects) != 0 {
		t.Errorf("a table that is there already is made again: %+v", got)
	}
}

func TestALiveDatabaseHasWhatRan(t *testing.T) {
	live := &schema.State{Complete: true}
	live.Add(&schema.Table{Name: table("users"), Whole: true, Indexes: []schema.Index{{Name: "by_hand", Columns: []ecto.IndexColumn{{Expression: "lower(name)"}}}}, Columns: []schema.Column{{Name: "name", Type: "varchar(255)"}}})
	modify := ecto.Operation{Kind: ecto.ModifyColumn, Statement: 1, Table: table("users"), Column: ecto.Column{Name: "name", Type: "text"}}
	in := lint.Input{
		Migrations: []ecto.Migration{
			{Path: "1", Version: 1, Up: []ecto.Operation{createTable(1, "users")}},
			{Path: "2", Version: 2, Up: []ecto.Operation{modify}},
		},
		Live: &catalog.Snapshot{Version: 160004, State: live, TimeZone: "Europe/Berlin", Applied: []catalog.Applied{{Version: 1}}},
	}
	if d := cmp.Diff([]string{"by_hand"}, Of(in, "2").Up[0].Effects[0].Build); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(locks.Target{Version: 16, NotUTC: true}, Target(in)); d != "" {
		t.Error(d)
	}
	if len(live.Table(table("users")).Indexes) != 1 || live.Table(table("users")).CreatedBy != "" {
		t.Error("the live state was changed")
	}
	in.Live.Applied = append(in.Live.Applied, catalog.Applied{Version: 2})
	if got := Of(in, "2").Up[0].Effects[0].Build; got != nil {
		t.Errorf("what ran already is predicted on what it made: %v", got)
	}
}
