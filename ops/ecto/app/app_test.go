package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ops-console/ops/ecto"

	"github.com/google/go-cmp/cmp"
)

// fields is what a schema names, NAME or NAME=COLUMN, with its type.
func fields(s Schema) (out []string) {
	for _, f := range s.Fields {
		name := f.Name
		if f.Column != f.Name {
			name += "=" + f.Column
		}
		out = append(out, name+" "+f.Type)
	}
	return out
}

func TestSchemas(t *testing.T) {
	const id = "id :id"
	for name, tt := range map[string]struct {
		body string // of a module that uses Ecto.Schema
		want Schema // its table, openness and whether it is embedded
		cols []string
	}{
		"usual": {
			`schema "posts" do
			  field :title, :string
			  field(:body, :string, default: "x")
			  field :views
			  field :slug, :string, source: :url_slug
			  field :draft, :boolean, virtual: true
			  belongs_to :author, Blog.Person
			  belongs_to :blog, Blog.Blog, foreign_key: :site, references: :uuid, type: :binary_id, source: :site_id
			  belongs_to :none, Blog.None, define_field: false
			  has_many :comments, Blog.Comment, foreign_key: :about_id
			  has_one :image, Blog.Image
			  embeds_one :meta, Meta do
			    field :inner, :string
			  end
			  embeds_many :links, Link, source: :urls
			  timestamps()
			end`,
			Schema{Table: ecto.Name{Name: "posts"}},
			[]string{
				id, "title :string", "body :string", "views ", "slug=url_slug :string", "author_id :id", "site=site_id :binary_id",
				"meta :map", "links=urls {:array, :map}", "inserted_at :naive_datetime", "updated_at :naive_datetime",
			},
		},
		"attributes": {
			`@table "posts"
			 @primary_key {:uuid, :binary_id, autogenerate: true, source: :id}
			 @foreign_key_type :binary_id
			 @schema_prefix "private"
			 @timestamps_opts [type: :utc_datetime_usec, inserted_at: :created_at, updated_at_source: :changed_at]
			 schema @table do
			   belongs_to :author, Blog.Person
			   timestamps(inserted_at_source: :made_at)
			 end`,
			Schema{Table: ecto.Name{Prefix: "private", Name: "posts"}},
			[]string{"uuid=id :binary_id", "author_id :binary_id", "created_at=made_at :utc_datetime_usec", "updated_at=changed_at :utc_datetime_usec"},
		},
		"no primary key": {
			"@primary_key false\nschema \"a\" do\n  field :a, :integer, primary_key: true\n  timestamps updated_at: false\nend",
			Schema{Table: ecto.Name{Name: "a"}},
			[]string{"a :integer", "inserted_at :naive_datetime"},
		},
		"an attribute set after the block does not count": {
			"schema \"a\" do\nend\n@primary_key false", Schema{Table: ecto.Name{Name: "a"}}, []string{id},
		},
		"loops and conditions": {
			`@more ~w(c d)a
			 schema "a" do
			   for name <- [:a, :b], do: field(name, :string)
			   for name <- @more do
			     field name, :integer
			   end
			   if Mix.env() == :test do
			     field :e, :string
			   end
			   timestamps
			 end`,
			Schema{Table: ecto.Name{Name: "a"}},
			[]string{id, "a :string", "b :string", "c :integer", "d :integer", "e :string", "inserted_at :naive_datetime", "updated_at :naive_datetime"},
		},
		"a macro of the application's": {
			"schema \"a\" do\n  common_fields()\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, []string{id},
		},
		"a macro of a module": {"schema \"a\" do\n  Blog.Fields.all()\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, []string{id}},
		"a macro without ()":  {"schema \"a\" do\n  common\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, []string{id}},
		"a computed field":    {"schema \"a\" do\n  for n <- names(), do: field(n, :string)\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, []string{id}},
		"a computed name":     {"schema \"a\" do\n  field unquote(x), :string\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, []string{id}},
		"a computed key":      {"@primary_key Blog.key()\nschema \"a\" do\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, nil},
		"a computed table":    {"schema Blog.table() do\nend", Schema{}, []string{id}},
		"use in the block":    {"schema \"a\" do\n  use Blog.Fields\nend", Schema{Table: ecto.Name{Name: "a"}, Open: true}, []string{id}},
		"what adds nothing":   {"schema \"a\" do\n  @doc \"x\"\n  alias A.B\n  import C\n  :ok\nend", Schema{Table: ecto.Name{Name: "a"}}, []string{id}},
		"embedded":            {"@primary_key false\nembedded_schema do\n  field :a, :string\nend", Schema{Embedded: true}, []string{"a :string"}},
		"typed": {
			"typed_schema \"a\", null: false do\n  field(:b, :string, source: :c) :: binary()\n  belongs_to :d, D, type: :id\nend",
			Schema{Table: ecto.Name{Name: "a"}},
			[]string{id, "b=c :string", "d_id :id"},
		},
		"typed, embedded":       {"@primary_key false\ntyped_embedded_schema do\n  field :a, :string\nend", Schema{Embedded: true}, []string{"a :string"}},
		"settings of the app's": {"use Blog.Schema\nschema \"a\" do\n  belongs_to :b, B\n  timestamps()\nend", Schema{Table: ecto.Name{Name: "a"}}, []string{"key :uuid", "b_id :uuid", "at :utc_datetime", "updated_at :utc_datetime"}},
		"its own before those":  {"use Blog.Schema\n@primary_key {:id, :id, []}\nschema \"a\" do\nend", Schema{Table: ecto.Name{Name: "a"}}, []string{id}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "lib/a.ex", "defmodule Blog.A do\n  use Ecto.Schema\n"+tt.body+"\nend\n")
			write(t, dir, "lib/schema.ex", `defmodule Blog.Schema do
			  defmacro __using__(_) do
			    quote do
			      use Ecto.Schema
			      @primary_key {:key, :uuid, autogenerate: true}
			      @foreign_key_type :uuid
			      @timestamps_opts [type: :utc_datetime, inserted_at: :at]
			    end
			  end
			end`)
			s := readAll(t, dir)
			if len(s.List) != 1 || len(s.Notes) > 0 {
				t.Fatalf("schemas %+v, notes %v", s.List, s.Notes)
			}
			got := s.List[0]
			if d := cmp.Diff(tt.cols, fields(got)); d != "" {
				t.Errorf("fields (-want +got):\n%s", d)
			}
			if got.Module != "Blog.A" || got.Path != "lib/a.ex" || got.At.Line < 3 {
				t.Errorf("module %s at %s:%s", got.Module, got.Path, got.At)
			}
			if got.Table != tt.want.Table || got.Open != tt.want.Open || got.Embedded != tt.want.Embedded {
				t.Errorf("table %+v, open %v, embedded %v; want %+v", got.Table, got.Open, got.Embedded, tt.want)
			}
		})
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readAll(t testing.TB, dir string, roots ...string) *Schemas {
	t.Helper()
	s, err := Read(t.Context(), dir, roots...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shown is PATH:LINE MODULE FIELD of each.
func shown(uu []Use) (out []string) {
	for _, u := range uu {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s:%d %s %s", u.Path, u.At.Line, u.Module, u.Field)))
	}
	return out
}

func TestUses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "lib/post.ex", `defmodule Blog.Post do
  use Ecto.Schema
  schema "posts" do
    field :title, :string, source: :name
    many_to_many :tags, Blog.Tag, join_through: "posts_tags"
    many_to_many :people, Blog.Person, join_through: "authors", join_keys: [post: :id, person: :id]
    many_to_many :others, Blog.Post, join_through: Blog.Link
  end

  defmodule Draft do
    use Ecto.Schema
    @schema_prefix "drafts"
    schema "posts" do
      field :name, :string
      more()
    end
  end
end
`)
	write(t, dir, "lib/queries.ex", `defmodule Blog.Queries do
  import Ecto.Query
  def a, do: from(p in "posts", join: c in "comments", on: c.post_id == p.id)
  def b, do: from p in {"archive", Blog.Post}, prefix: "old", join: x in "more"
  def c, do: Repo.insert_all("plays", [%{a: 1}])
  def d, do: Repo.delete_all({"plays", Blog.Play}, prefix: "old")
  def e(x), do: x in "no in"
  def f, do: Enum.all?("plays") && MapSet.all("of it!")
  def g, do: "views" |> where([v], v.a == 1) |> Repo.update_all(set: [a: 1])
end
`)
	write(t, dir, "test/support/fixture.ex", "defmodule Blog.Fixture do\n  use Ecto.Schema\n  schema \"posts\" do\n  end\nend\n")
	s := readAll(t, dir)
	n := func(name string) ecto.Name { return ecto.Name{Name: name} }
	for name, tt := range map[string]struct{ got, want []string }{
		"a table": {shown(s.Table(n("posts"))), []string{"lib/post.ex:3 Blog.Post", "lib/queries.ex:3 Blog.Queries"}},
		"in a schema": {
			shown(s.Table(ecto.Name{Prefix: "drafts", Name: "posts"})),
			[]string{"lib/post.ex:3 Blog.Post", "lib/post.ex:13 Blog.Post.Draft", "lib/queries.ex:3 Blog.Queries"},
		},
		"public is the default":    {shown(s.Column(ecto.Name{Prefix: "public", Name: "posts"}, "name")), []string{"lib/post.ex:4 Blog.Post title"}},
		"a column by its source":   {shown(s.Column(n("posts"), "name")), []string{"lib/post.ex:4 Blog.Post title"}},
		"a field is no column":     {shown(s.Column(n("posts"), "title")), nil},
		"no column":                {shown(s.Column(n("posts"), "")), nil},
		"another table's":          {shown(s.Column(n("comments"), "name")), nil},
		"a table between":          {shown(s.Table(n("posts_tags"))), []string{"lib/post.ex:5 Blog.Post"}},
		"its columns":              {shown(s.Column(n("posts_tags"), "tag_id")), []string{"lib/post.ex:5 Blog.Post tags"}},
		"its columns, given":       {shown(s.Column(n("authors"), "person")), []string{"lib/post.ex:6 Blog.Post people"}},
		"a join":                   {shown(s.Table(n("comments"))), []string{"lib/queries.ex:3 Blog.Queries"}},
		"a table with a schema":    {shown(s.Table(ecto.Name{Prefix: "old", Name: "archive"})), []string{"lib/queries.ex:4 Blog.Queries"}},
		"with the query's prefix":  {shown(s.Table(n("more"))), nil},
		"insert_all, not delete":   {shown(s.Table(n("plays"))), []string{"lib/queries.ex:5 Blog.Queries"}},
		"both":                     {shown(s.Table(ecto.Name{Prefix: "old", Name: "plays"})), []string{"lib/queries.ex:5 Blog.Queries", "lib/queries.ex:6 Blog.Queries"}},
		"text that is no table":    {shown(s.Table(n("no in"))), nil},
		"open":                     {shown(s.Open(ecto.Name{Prefix: "drafts", Name: "posts"})), []string{"lib/post.ex:13 Blog.Post.Draft"}},
		"not open":                 {shown(s.Open(n("posts"))), nil},
		"no name":                  {shown(s.Table(ecto.Name{})), nil},
		"the beginning of a query": {shown(s.Table(n("views"))), []string{"lib/queries.ex:9 Blog.Queries"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, tt.got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestWhereIsLooked(t *testing.T) {
	dir := t.TempDir()
	schema := func(name string) string {
		return "defmodule " + name + " do\n  use Ecto.Schema\n  schema \"a\" do\n  end\nend\n"
	}
	for _, p := range []string{"lib/a.ex", "web/b.ex", "apps/x/lib/c.ex", "apps/x/test/d.ex", "lib/deps/e.ex", "lib/.hidden/f.ex", "src/g.ex", "lib/h.exs"} {
		write(t, dir, p, schema("M"))
	}
	write(t, dir, "lib/broken.ex", schema("Broken")+"\ndefmodule X do\n  def a do\n    (\n  end\nend\n")
	if err := os.Symlink("nowhere.ex", filepath.Join(dir, "lib/link.ex")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		roots, want, notes []string
	}{
		"the usual places": {nil, []string{"apps/x/lib/c.ex", "lib/a.ex", "lib/broken.ex", "web/b.ex"}, []string{"lib/broken.ex parse-error"}},
		"one":              {[]string{"src"}, []string{"src/g.ex"}, nil},
		"one twice":        {[]string{"src", "src/"}, []string{"src/g.ex"}, nil},
		"one not there":    {[]string{"missing"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := readAll(t, dir, tt.roots...)
			var got, notes []string
			for _, sc := range s.List {
				got = append(got, sc.Path)
			}
			for _, n := range s.Notes {
				notes = append(notes, n.Path+" "+n.Code)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("schemas (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.notes, slices.Compact(notes)); d != "" {
				t.Errorf("notes (-want +got):\n%s", d)
			}
		})
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "lib/a.ex", "schema")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Read(ctx, dir); !errors.Is(err, context.Canceled) || s != nil {
		t.Errorf("%+v, %v; want %v", s, err, context.Canceled)
	}
}

func FuzzSchemas(f *testing.F) {
	for _, src := range []string{
		"defmodule A do\n use Ecto.Schema\n @primary_key {:a, :b, []}\n schema \"t\" do\n field :a, :b, source: :c\n timestamps()\n end\nend",
		"defmodule A do\n schema @t do\n for x <- ~w(a b)a, do: field(x, :y)\n belongs_to\n many_to_many :a, B, join_through: \"x\", join_keys: [a: :b]\n end\nend",
		"defmodule A do\n defmacro __using__(_) do\n quote do\n @primary_key false\n end\n end\n embedded_schema do\n end\nend",
		"defmodule A do\n def a, do: from(x in \"t\", join: y in {\"u\", U}, prefix: \"p\") |> Repo.insert_all(\"v\", [])\n @a @a\n schema @a, do: @a\nend",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		dir := t.TempDir()
		write(t, dir, "lib/a.ex", src)
		s := readAll(t, dir)
		for _, sc := range s.List {
			if !sc.Embedded && sc.Table.Name != "" && len(s.Table(sc.Table)) == 0 {
				t.Errorf("schema %+v does not name its table", sc)
			}
			for _, field := range sc.Fields {
				if field.Name == "" || field.Column == "" {
					t.Errorf("field %+v", field)
				}
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	var body strings.Builder
	for n := range 30 {
		fmt.Fprintf(&body, "    field :field_%d, :string\n", n)
	}
	for n := range 500 {
		write(b, dir, fmt.Sprintf("lib/s%d.ex", n), fmt.Sprintf("defmodule S%d do\n  use Ecto.Schema\n  schema \"t%d\" do\n%s  end\nend\n", n, n, body.String()))
	}
	for b.Loop() {
		readAll(b, dir)
	}
}
