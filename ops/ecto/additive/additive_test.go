package additive

import (
	"strings"
	"testing"

	"ops-console/ops/ecto"
)

var (
	yes, no = true, false
	users   = ecto.Name{Name: "users"}
)

func TestOperations(t *testing.T) {
	col := func(name string) ecto.Column { return ecto.Column{Name: name, Type: "text"} }
	for name, c := range map[string]struct {
		up   []ecto.Operation
		want string // empty: additive
	}{
		"a column":             {[]ecto.Operation{{Kind: ecto.AddColumn, Table: users, Column: col("bio")}}, ""},
		"that must be there":   {[]ecto.Operation{{Kind: ecto.AddColumn, Table: users, Column: ecto.Column{Name: "bio", Null: &no}}}, "users.bio must not be null"},
		"with a default":       {[]ecto.Operation{{Kind: ecto.AddColumn, Table: users, Column: ecto.Column{Name: "bio", Null: &no, Default: &ecto.Default{SQL: "''"}}}}, ""},
		"with null as default": {[]ecto.Operation{{Kind: ecto.AddColumn, Table: users, Column: ecto.Column{Name: "bio", Null: &no, Default: &ecto.Default{Null: true}}}}, "users.bio must not be null"},
		"a table and what is done to it": {[]ecto.Operation{
			{Kind: ecto.CreateTable, Table: users},
			{Kind: ecto.AddColumn, Table: users, Column: ecto.Column{Name: "id", Null: &no, PrimaryKey: true}},
			{Kind: ecto.CreateIndex, Table: users, Unique: true},
			{Kind: ecto.AddConstraint, Table: users},
			{Kind: ecto.DropTable, Table: users},
		}, ""},
		"a table that may be there": {[]ecto.Operation{{Kind: ecto.CreateTable, Table: users, IfNotExists: true}, {Kind: ecto.CreateIndex, Table: users, Unique: true}}, "two rows alike"},
		"an index":                  {[]ecto.Operation{{Kind: ecto.CreateIndex, Table: users, Columns: []ecto.IndexColumn{{Name: "email"}}}}, ""},
		"a unique one":              {[]ecto.Operation{{Kind: ecto.CreateIndex, Table: users, Unique: true, Columns: []ecto.IndexColumn{{Name: "email"}}}}, "two rows alike"},
		"a unique one, of new": {[]ecto.Operation{
			{Kind: ecto.AddColumn, Table: users, Column: col("slug")}, {Kind: ecto.CreateIndex, Table: users, Unique: true, Columns: []ecto.IndexColumn{{Name: "slug"}}},
		}, ""},
		"an index goes":        {[]ecto.Operation{{Kind: ecto.DropIndex, Table: users}}, ""},
		"a unique one goes":    {[]ecto.Operation{{Kind: ecto.DropIndex, Table: users, Unique: true}}, "upserts"},
		"a column goes":        {[]ecto.Operation{{Kind: ecto.RemoveColumn, Table: users, Column: col("bio")}}, "the column users.bio is dropped"},
		"a new column goes":    {[]ecto.Operation{{Kind: ecto.AddColumn, Table: users, Column: col("bio")}, {Kind: ecto.RemoveColumn, Table: users, Column: col("bio")}}, ""},
		"renamed":              {[]ecto.Operation{{Kind: ecto.RenameTable, Table: users, To: ecto.Name{Name: "people"}}}, "the table users is renamed to people"},
		"another type":         {[]ecto.Operation{{Kind: ecto.ModifyColumn, Table: users, Column: ecto.Column{Name: "bio", Type: "jsonb"}}}, "users.bio is changed"},
		"loosened":             {[]ecto.Operation{{Kind: ecto.ModifyColumn, Table: users, Column: ecto.Column{Name: "bio", Type: "text", Null: &yes}, From: &ecto.Column{Type: "text"}}}, ""},
		"tightened":            {[]ecto.Operation{{Kind: ecto.ModifyColumn, Table: users, Column: ecto.Column{Name: "bio", Type: "text", Null: &no}, From: &ecto.Column{Type: "text"}}}, "users.bio is changed"},
		"not null":             {[]ecto.Operation{{Kind: ecto.SetNotNull, Table: users, Column: col("bio")}}, "must not be null any more"},
		"a constraint":         {[]ecto.Operation{{Kind: ecto.AddConstraint, Table: users, Name: ecto.Name{Name: "adult"}, NotValid: true}}, "adult of users may refuse"},
		"a check goes":         {[]ecto.Operation{{Kind: ecto.DropConstraint, Table: users, Constraint: ecto.Check}}, ""},
		"rows":                 {[]ecto.Operation{{Kind: ecto.Update, Table: users}}, "rows of users are changed"},
		"new rows":             {[]ecto.Operation{{Kind: ecto.Insert, Table: users}}, ""},
		"a view":               {[]ecto.Operation{{Kind: ecto.CreateView, Name: users, Text: "CREATE VIEW users AS SELECT 1"}}, ""},
		"perhaps another view": {[]ecto.Operation{{Kind: ecto.CreateView, Name: users, Text: "create OR  REPLACE view users as select 1", SQL: []string{"create or replace view users"}}}, "may be replaced"},
		"code":                 {[]ecto.Operation{{Kind: ecto.ModuleCall, Name: ecto.Name{Prefix: "Oban.Migrations", Name: "up"}}}, "Oban.Migrations.up runs"},
		"what is unheard of":   {[]ecto.Operation{{Kind: "levitate_table", Table: users}}, "levitate table is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge([]ecto.Migration{{Version: 1, Up: c.up}})[0]
			if v.Additive != (c.want == "") || !strings.Contains(v.Why, c.want) || strings.Contains(v.Why, "%!") {
				t.Errorf("got %v, %q", v.Additive, v.Why)
			}
		})
	}
}

func TestLaterMigrationsKnowWhatEarlierOnesMade(t *testing.T) {
	v := Judge([]ecto.Migration{
		{Version: 1, Up: []ecto.Operation{{Kind: ecto.CreateTable, Table: users}}},
		{Version: 2, Up: []ecto.Operation{{Kind: ecto.SetNotNull, Table: users, Column: ecto.Column{Name: "bio"}}}},
		{Version: 3, Notes: []ecto.Note{{Code: "parse-error", Text: "unexpected end"}}},
	})
	if !v[0].Additive || !v[1].Additive || v[2].Additive || !v[2].Reasons[0].Unknown {
		t.Errorf("got %+v", v)
	}
}

// TestEveryKindIsDecided keeps a kind that is added to the vocabulary from being answered by the catch-all without
// anybody having thought of it.
func TestEveryKindIsDecided(t *testing.T) {
	for _, k := range allKinds {
		n := 0
		for _, decided := range []bool{harmless[k], breaks[k] != "", unclear[k] != "", special[k] != nil, k == ecto.CreateTable} {
			if decided {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is decided %d times", k, n)
		}
	}
}

var allKinds = []ecto.Kind{
	ecto.CreateTable, ecto.CreateTableAs, ecto.DropTable, ecto.RenameTable, ecto.SetSchema, ecto.AddColumn, ecto.ModifyColumn, ecto.RemoveColumn,
	ecto.RenameColumn, ecto.AlterType, ecto.SetDefault, ecto.DropDefault, ecto.SetNotNull, ecto.DropNotNull, ecto.AddIdentity, ecto.AlterColumn,
	ecto.CreateIndex, ecto.DropIndex, ecto.RenameIndex, ecto.AttachIndex, ecto.Reindex, ecto.AddConstraint, ecto.DropConstraint, ecto.Validate,
	ecto.RenameConstr, ecto.AlterTable, ecto.RewriteTable, ecto.CreatePartition, ecto.AttachPartition, ecto.DetachPartition, ecto.Truncate,
	ecto.CreateType, ecto.AddEnumValue, ecto.RenameEnumValue, ecto.DropType, ecto.CreateDomain, ecto.CreateExtension, ecto.CreateSchema,
	ecto.RenameSchema, ecto.DropSchema, ecto.CreateFunction, ecto.CreateTrigger, ecto.DropTrigger, ecto.SetTrigger, ecto.CreateView, ecto.DropView,
	ecto.CreateMatview, ecto.RefreshMatview, ecto.RowSecurity, ecto.CreatePolicy, ecto.CreateSequence, ecto.Drop, ecto.Insert, ecto.Update,
	ecto.Delete, ecto.Select, ecto.Copy, ecto.LockTable, ecto.Set, ecto.Transaction, ecto.Vacuum, ecto.Analyze, ecto.Comment, ecto.Grant,
	ecto.System, ecto.Do, ecto.OtherSQL, ecto.BrokenSQL, ecto.Dynamic, ecto.Function, ecto.RepoCall, ecto.ModuleCall, ecto.Flush, ecto.Dangling,
}
