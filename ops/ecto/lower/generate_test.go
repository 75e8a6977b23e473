package lower

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes migrations that use every part of the DSL, each a few commands long.
type generator struct{ r *rand.Rand }

func newGenerator(seed uint64) *generator { return &generator{rand.New(rand.NewPCG(seed, 1))} }

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *generator) maybe(percent int, s string) string {
	if g.r.IntN(100) < percent {
		return s
	}
	return ""
}

func (g *generator) table() string { return g.one(":users", `"posts"`, ":order_items", `"weird name"`) }

func (g *generator) column() string {
	return g.one(":name", ":email", ":inserted_on", ":user_id", `:"odd column"`, ":x1", ":kind")
}

func (g *generator) prefix() string {
	return g.maybe(15, `, prefix: `+g.one(`"tenant"`, ":other", "nil"))
}

// options are keywords joined, of those that are there.
func options(oo ...string) string {
	var out strings.Builder
	for _, o := range oo {
		if o != "" {
			out.WriteString(", " + o)
		}
	}
	return out.String()
}

func (g *generator) kind() string {
	return g.one(
		":string", ":text", ":integer", ":bigint", ":boolean", ":map", ":binary_id", ":uuid", ":decimal", ":float", ":date", ":time", ":time_usec",
		":utc_datetime", ":utc_datetime_usec", ":naive_datetime", ":naive_datetime_usec", ":binary", ":id", ":identity", ":serial", ":bigserial",
		"{:array, :string}", "{:array, :integer}", "{:array, {:array, :text}}", "{:map, :string}", ":citext", ":duration", ":bitstring",
		`:"double precision"`, ":inet", ":jsonb", "{:array, :utc_datetime}", ":tsvector",
	)
}

// fits is a default that a type takes.
func (g *generator) fits(kind string) string {
	if strings.HasPrefix(kind, "{:array, :string") {
		return g.one("[]", `["a", "it's"]`, "nil", `fragment("'{}'")`)
	}
	if strings.HasPrefix(kind, "{:array, :integer") {
		return g.one("[]", "[1, 2]")
	}
	if kind == ":map" {
		return g.one("%{}", `%{"a" => 1}`, `%{b: [1, nil, true], a: "x\"'<é"}`, `%{n: %{"f" => 1.5}}`)
	}
	return g.one(
		"1", "-1", "0.5", "1.0e20", "100000.0", "1.0e-7", "123456789.125", "true", "false", "nil", `"it's"`, `""`, `fragment("now()")`,
		`fragment("gen_random_uuid()")`, "1_000_000", "99999999999999999999", `~s(a "b")`, "0x1F",
	)
}

func (g *generator) columnOptions(kind string) string {
	var precision string
	switch g.r.IntN(8) {
	case 0:
		precision = "precision: 10, scale: 2"
	case 1:
		precision = "precision: 6"
	case 2:
		precision = "size: 40"
	}
	if kind == ":duration" {
		precision = g.one("", `fields: "hour to minute"`, "precision: 3", `fields: "second", precision: 2`)
	}
	if kind == ":identity" {
		precision = g.one("", "start_value: 100", "start_value: 100, increment: 5", "increment: 2", "start_value: 0")
	}
	generated := ""
	if g.r.IntN(15) == 0 {
		generated = `generated: "ALWAYS AS (x1 + 1) STORED"`
	}
	return options(
		g.maybe(30, "null: "+g.one("true", "false", "nil")), g.maybe(35, "default: "+g.fits(kind)), precision, generated,
		g.maybe(10, `comment: "it's a comment"`), g.maybe(10, `collation: "POSIX"`),
	)
}

func (g *generator) references() string {
	return "references(" + g.table() + options(
		g.maybe(30, "on_delete: "+g.one(":nothing", ":delete_all", ":nilify_all", ":default_all", ":restrict", "{:nilify, [:user_id]}", "{:default, [:a, :b]}")),
		g.maybe(30, "on_update: "+g.one(":nothing", ":update_all", ":nilify_all", ":restrict")),
		g.maybe(25, "type: "+g.one(":uuid", ":binary_id", ":string", ":identity", ":serial", ":bigserial", ":utc_datetime", ":citext")),
		g.maybe(20, "column: "+g.column()), g.maybe(20, "name: "+g.one(":my_fk", `"my fk"`)), g.maybe(15, "validate: "+g.one("true", "false")),
		g.maybe(15, "with: [a_id: :b_id]"), g.maybe(10, "match: "+g.one(":full", ":simple", ":partial")),
		g.maybe(15, "prefix: "+g.one(`"other"`, "nil", ":tenant")),
	) + ")"
}

func (g *generator) add(verb string) string {
	kind := g.kind()
	if g.r.IntN(4) == 0 {
		return fmt.Sprintf("%s %s, %s%s", verb, g.column(), g.references(), options(
			g.maybe(40, "null: false"), g.maybe(15, "default: 1"), g.maybe(10, "primary_key: true"), g.maybe(10, "size: 36")))
	}
	return fmt.Sprintf("%s %s, %s%s%s", verb, g.column(), kind, g.columnOptions(kind), options(g.maybe(8, "primary_key: true")))
}

func (g *generator) timestamps() string {
	return "timestamps(" + strings.TrimPrefix(options(
		g.maybe(30, "type: :utc_datetime_usec"), g.maybe(20, "updated_at: false"), g.maybe(20, "inserted_at: :created_at"),
		g.maybe(20, `default: fragment("now()")`), g.maybe(20, "null: true")), ", ") + ")"
}

func (g *generator) createTable() string {
	var b strings.Builder
	key := g.one("", "", "", "primary_key: false", "primary_key: [name: :uuid, type: :uuid]", "primary_key: [type: :identity, start_value: 7]",
		`primary_key: [type: :binary_id, default: fragment("gen_random_uuid()")]`, "primary_key: true")
	fmt.Fprintf(&b, "create%s table(%s%s%s)", g.maybe(20, "_if_not_exists"), g.table(), g.prefix(), options(
		key, g.maybe(10, `comment: "table's"`), g.maybe(10, `options: "PARTITION BY RANGE (x1)"`), g.maybe(8, `modifiers: "UNLOGGED"`), g.maybe(5, "engine: :innodb")))
	if g.r.IntN(8) == 0 && !strings.Contains(key, "false") {
		return b.String()
	}
	b.WriteString(" do\n")
	for range 1 + g.r.IntN(4) {
		fmt.Fprintf(&b, "      %s\n", g.add("add"))
	}
	b.WriteString(g.maybe(40, "      "+g.timestamps()+"\n"))
	b.WriteString("    end")
	return b.String()
}

func (g *generator) modify() string {
	kind := g.kind()
	target := kind
	if g.r.IntN(5) == 0 {
		target = g.references()
	}
	from := g.one("", "from: "+g.kind(), "from: {"+g.kind()+", null: true}", "from: "+g.references(), "from: {"+g.references()+", null: false, default: 3}")
	if g.r.IntN(2) == 0 && from == "" {
		from = "from: :text"
	}
	return fmt.Sprintf("modify %s, %s%s", g.column(), target, options(
		g.maybe(40, "null: "+g.one("true", "false")), g.maybe(30, "default: "+g.one("1", "nil", `"x"`, `fragment("now()")`)), from,
		g.maybe(8, `collation: "C"`), g.maybe(8, `comment: "c"`), g.maybe(10, "size: 5")))
}

func (g *generator) remove() string {
	return g.one(
		"remove "+g.column(), "remove "+g.column()+", "+g.kind(), "remove "+g.column()+", "+g.references(),
		"remove "+g.column()+", :string, default: \"x\", null: false", "remove_if_exists "+g.column(), "remove_if_exists "+g.column()+", :text",
		"remove_if_exists "+g.column()+", "+g.references(), "remove "+g.column()+", "+g.references()+", null: false",
	)
}

func (g *generator) alter() string {
	var b strings.Builder
	fmt.Fprintf(&b, "alter table(%s%s%s) do\n", g.table(), g.prefix(), options(g.maybe(8, `comment: "new"`)))
	for range 1 + g.r.IntN(3) {
		line := ""
		switch g.r.IntN(6) {
		case 0, 1:
			line = g.add("add")
		case 2:
			line = g.add("add_if_not_exists")
		case 3:
			line = g.modify()
		case 4:
			line = g.remove()
		case 5:
			line = g.timestamps()
		}
		fmt.Fprintf(&b, "      %s\n", line)
	}
	b.WriteString("    end")
	return b.String()
}

func (g *generator) index() string {
	columns := g.one(":email", "[:email]", "[:user_id, :x1]", `["lower(email)"]`, `["(data->>'a')", :id]`, "[desc: :x1]", `[:email, asc_nulls_last: :x1, desc: "upper(name)"]`,
		`[:"odd column"]`, `["a  b-c "]`, `[desc_nulls_first: :id, asc: :name]`)
	unique := g.one("index", "unique_index")
	nulls := ""
	if unique == "unique_index" {
		nulls = g.maybe(20, "nulls_distinct: "+g.one("true", "false"))
	}
	return fmt.Sprintf("%s(%s, %s%s%s)", unique, g.table(), columns, g.prefix(), options(
		g.maybe(20, "name: "+g.one(":my_index", `"my index"`)), g.maybe(20, "concurrently: "+g.one("true", "false")),
		g.maybe(20, "using: "+g.one(":gin", `"hash"`, ":btree")), g.maybe(20, "where: "+g.one(`"x1 > 0"`, `"name = 'it''s'"`)),
		g.maybe(15, "include: "+g.one("[:kind]", `[:kind, "x"]`)), nulls, g.maybe(10, "only: true"), g.maybe(10, `options: "fillfactor = 50"`),
		g.maybe(10, `comment: "why's"`), g.maybe(8, "unique: "+g.one("true", "true"))))
}

func (g *generator) constraint() string {
	body := g.one(`check: "x1 > 0"`, `exclude: ~s|gist (int4range("from", "to", '[]') WITH &&)|`)
	return fmt.Sprintf("constraint(%s, %s%s%s)", g.table(), g.one(":positive", `"my check"`), g.prefix(), options(
		body, g.maybe(30, "validate: "+g.one("true", "false")), g.maybe(20, `comment: "it's"`)))
}

func (g *generator) command() string {
	switch g.r.IntN(12) {
	case 0, 1:
		return g.createTable()
	case 2, 3, 4:
		return g.alter()
	case 5, 6:
		return "create" + g.maybe(25, "_if_not_exists") + " " + g.index()
	case 7:
		return "drop" + g.maybe(50, "_if_exists") + " " + g.index() + g.maybe(25, ", mode: :cascade")
	case 8:
		return "create " + g.constraint()
	case 9:
		return g.one("drop ", "drop_if_exists ") + g.one("constraint("+g.table()+", :positive"+g.prefix()+")", "table("+g.table()+g.prefix()+")") +
			g.maybe(30, ", mode: :cascade")
	case 10:
		return g.one(
			"rename table("+g.table()+g.prefix()+"), to: table(:renamed"+g.prefix()+")", "rename table("+g.table()+g.prefix()+"), "+g.column()+", to: :new_name",
			"rename "+g.index()+", to: "+g.one(":new_index", `"new index"`), "rename index(:users, [:a, :b]), to: \"better\"")
	}
	return g.one(
		`execute "SELECT 1", "SELECT 2"`, `execute("SELECT 1")`, `execute fn -> repo().query!("SELECT 3") end, fn -> repo().query!("SELECT 4") end`,
		`execute ~S|SELECT '#{x}'|, ""`, `for n <- 1..3, do: execute("SELECT #{n}", "SELECT -#{n}")`,
		`Enum.each(~w(a b)a, fn c -> create index(:users, [c]) end)`, `table(:users) |> index_of() |> create()`,
		`repo().query!("SELECT 5")`, `if direction() == :up, do: execute("SELECT 6", ""), else: execute("", "SELECT 7")`,
		`create index(:users, [:x1], @options)`, `with_prefix("tenant")`, `flush()`,
	)
}

// migration is a whole file.
func (g *generator) migration(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "defmodule Generated.M%d do\n  use Ecto.Migration\n", n)
	source := strings.Builder{}
	names := []string{"change"}
	if g.r.IntN(4) == 0 {
		names = []string{"up", "down"}
	}
	for _, name := range names {
		fmt.Fprintf(&source, "\n  def %s do\n", name)
		for range 1 + g.r.IntN(3) {
			fmt.Fprintf(&source, "    %s\n", g.command())
		}
		source.WriteString("  end\n")
	}
	body := source.String()
	if strings.Contains(body, "@options") {
		b.WriteString("  @options [name: \"from_attribute\", unique: true]\n")
	}
	b.WriteString(body)
	if strings.Contains(body, "index_of") {
		b.WriteString("\n  defp index_of(table, column \\\\ :email), do: index(table.name, [column], name: \"#{table.name}_x\")\n")
	}
	if strings.Contains(body, "with_prefix") {
		b.WriteString("\n  defp with_prefix(nil), do: :ok\n\n  defp with_prefix(prefix) when is_binary(prefix) do\n    create index(:users, [:x1], prefix: prefix)\n  end\n")
	}
	b.WriteString("end\n")
	return b.String()
}
