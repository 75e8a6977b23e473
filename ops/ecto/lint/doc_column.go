package lint

// columnDocs is what is said of the rules about columns.
var columnDocs = map[string]Doc{
	"add-column-volatile-default": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again with all its indexes", Blocks: "reads and writes", Versions: "all; from 11 on only for volatile defaults",
		Why: "A default that gives another value for every row has to be written to every row: half a minute for a million rows. now() and CURRENT_TIMESTAMP are not volatile, they are one value for the whole statement, and cost nothing.",
		Bad: `def change do
  alter table(:posts) do
    add :key, :uuid, default: fragment("gen_random_uuid()")
  end
end`,
		Good: `def up do
  alter table(:posts) do
    add :key, :uuid
  end

  # for new rows; the others are filled in batches by a later migration
  execute "ALTER TABLE posts ALTER COLUMN key SET DEFAULT gen_random_uuid()"
end

def down do
  alter table(:posts) do
    remove :key
  end
end`,
		Steps: []string{"add the column and its default for new rows", "fill the old rows in batches", "make it NOT NULL if need be"},
		See:   []string{pgAlter + "#SQL-ALTERTABLE-NOTES"},
	},
	"add-column-default-pg10": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again", Blocks: "reads and writes", Versions: "before 11",
		Why: "Before version 11 every default is written to every row. Later versions keep it in the catalog.",
		Bad: `def change do
  alter table(:posts) do
    add :views, :integer, default: 0
  end
end`,
		Good: `def up do
  alter table(:posts) do
    add :views, :integer
  end

  execute "ALTER TABLE posts ALTER COLUMN views SET DEFAULT 0"
end

def down do
  alter table(:posts) do
    remove :views
  end
end`,
		See: []string{"https://www.postgresql.org/docs/10/sql-altertable.html#SQL-ALTERTABLE-NOTES"},
	},
	"add-column-serial": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again", Blocks: "reads and writes", Versions: "all",
		Why: "A serial or identity column takes a new number for every row that is there, so all are written.",
		Bad: `def change do
  alter table(:posts) do
    add :number, :bigserial
  end
end`,
		Good: `def up do
  alter table(:posts) do
    add :number, :bigint
  end

  execute "CREATE SEQUENCE posts_number_seq OWNED BY posts.number"
  # for new rows; the others are numbered in batches by a later migration
  execute "ALTER TABLE posts ALTER COLUMN number SET DEFAULT nextval('posts_number_seq')"
end

def down do
  alter table(:posts) do
    remove :number
  end
end`,
		See: []string{pgAlter + "#SQL-ALTERTABLE-NOTES"},
	},
	"add-column-generated-stored": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again", Blocks: "reads and writes", Versions: "12 and later; from 18 on a VIRTUAL column costs nothing",
		Why: "A stored generated column is computed for every row that is there.",
		Bad: `def change do
  alter table(:posts) do
    add :title_lower, :text, generated: "ALWAYS AS (lower(title)) STORED"
  end
end`,
		Good: `def change do
  alter table(:posts) do
    add :title_lower, :text
  end

  # kept up by the application or a trigger, filled in batches
end`,
		See: []string{"https://www.postgresql.org/docs/current/ddl-generated-columns.html"},
	},
	"add-column-constrained-domain": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again", Blocks: "reads and writes", Versions: "all",
		Why: "A domain with a constraint has the new column's value checked for every row, and PostgreSQL does so by writing the table again.",
		Bad: `# 20240101000000_email.exs
def change do
  execute "CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%')", "DROP DOMAIN email"
end

# 20240102000000_posts.exs
def change do
  execute "ALTER TABLE posts ADD COLUMN author email", "ALTER TABLE posts DROP COLUMN author"
end`,
		Good: `def change do
  alter table(:posts) do
    add :author, :text
  end

  create constraint(:posts, :author_is_email, check: "author LIKE '%@%'", validate: false)
end

# 20240103000000_validate.exs
def change do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT author_is_email", ""
end`,
		See: []string{pgAlter},
	},
	"add-not-null-no-default": {
		Lock: "ACCESS EXCLUSIVE on the table", Blocks: "reads and writes", Versions: "all",
		Why: "Rows that are there would have no value: the migration fails (23502) on a table that has any. timestamps() within alter is the same, for Ecto makes its columns NOT NULL.",
		Bad: `def change do
  alter table(:posts) do
    add :slug, :text, null: false
  end
end`,
		Good: `def change do
  alter table(:posts) do
    add :slug, :text
  end
end`,
		Steps: []string{"add the column, nullable; deploy code that writes it", "fill the old rows in batches", "make it NOT NULL: see set-not-null"},
		See:   []string{pgAlter},
	},
	"add-column-references": {
		Lock: "ACCESS EXCLUSIVE on the table and SHARE ROW EXCLUSIVE on the one it refers to, while every row is checked", Blocks: "reads and writes of the table, writes to the other", Versions: "all",
		Why: "Ecto adds the foreign key as a constraint of its own, and so PostgreSQL does not see that the column is new and empty: it reads the whole table. NOT VALID leaves the check out, and VALIDATE does it later under a lock that nobody feels.",
		Bad: `def change do
  alter table(:comments) do
    add :post_id, references(:posts)
  end
end`,
		Good: `# 20240101000000_add.exs
def change do
  alter table(:comments) do
    add :post_id, references(:posts, validate: false)
  end
end

# 20240102000000_index.exs
@disable_ddl_transaction true

def change do
  create index(:comments, [:post_id], concurrently: true)
end

# 20240103000000_validate.exs
def change do
  execute "ALTER TABLE comments VALIDATE CONSTRAINT comments_post_id_fkey", ""
end`,
		See: []string{pgAlter + "#SQL-ALTERTABLE-NOTES", safeEcto},
	},
	"create-table-references": {
		Lock: "SHARE ROW EXCLUSIVE on the table it refers to, until the transaction ends", Blocks: "writes to that table", Versions: "all",
		Why: "The new table is nobody's yet, but its foreign key makes a trigger on the table where it leads. The lock is held for the rest of the migration: that has to be short.",
		Bad: `def change do
  create table(:comments) do
    add :post_id, references(:posts)
  end

  create index(:comments, [:post_id])
  create index(:posts, [:title])
end`,
		Good: `def change do
  create table(:comments) do
    add :post_id, references(:posts)
  end

  create index(:comments, [:post_id])
end`,
		See: []string{pgLocks},
	},
	"modify-type-rewrite": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again with all its indexes", Blocks: "reads and writes", Versions: "all",
		Why: "Most changes of type write every row again: int to bigint, text to varchar(255), timestamps to fewer digits. varchar to text, a longer varchar and a larger precision of numeric are free.",
		Bad: `def change do
  alter table(:posts) do
    modify :views, :bigint, from: :integer
  end
end`,
		Good: `def change do
  alter table(:posts) do
    add :views_new, :bigint
  end
end`,
		Steps: []string{
			"add a column of the new type", "deploy code that writes both", "fill the new one in batches", "deploy code that reads the new one",
			"deploy code that writes the new one alone", "remove the old one",
		},
		See: []string{pgAlter + "#SQL-ALTERTABLE-NOTES"},
	},
	"modify-implicit-type": {
		Lock: "ACCESS EXCLUSIVE on the table, and on tables whose foreign keys the column is part of", Blocks: "reads and writes", Versions: "all",
		Why: "modify always sends ALTER COLUMN TYPE, also where only a default or NULL is meant. With the same type the table is not written again, but every check on the column is proven again, indexes on expressions of it and partial ones are built again, and a view, a rule or a generated column that uses it makes the statement fail (0A000).",
		Bad: `# 20240101000000_posts.exs
def change do
  create table(:posts) do
    add :views, :integer
  end

  create constraint(:posts, :views_positive, check: "views >= 0")
end

# 20240102000000_default.exs
def change do
  alter table(:posts) do
    modify :views, :integer, default: 0, from: {:integer, default: nil}
  end
end`,
		Good: `def change do
  execute "ALTER TABLE posts ALTER COLUMN views SET DEFAULT 0",
          "ALTER TABLE posts ALTER COLUMN views DROP DEFAULT"
end`,
		See: []string{pgAlter, ectoMigrate + "#modify/3"},
	},
	"set-not-null": {
		Lock: "ACCESS EXCLUSIVE on the table, while every row is read", Blocks: "reads and writes", Versions: "from 12 on a valid check spares the reading; from 18 on NOT NULL can be NOT VALID",
		Why: "PostgreSQL proves that no row has a null. With a valid check that says so SET NOT NULL takes a millisecond, but not through modify, which has the check proven again.",
		Bad: `def change do
  alter table(:posts) do
    modify :slug, :text, null: false, from: {:text, null: true}
  end
end`,
		Good: `# 20240101000000_check.exs
def change do
  create constraint(:posts, :slug_not_null, check: "slug IS NOT NULL", validate: false)
end

# 20240102000000_validate.exs
def change do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT slug_not_null", ""
end

# 20240103000000_set.exs
def change do
  execute "ALTER TABLE posts ALTER COLUMN slug SET NOT NULL", "ALTER TABLE posts ALTER COLUMN slug DROP NOT NULL"
  drop constraint(:posts, :slug_not_null, check: "slug IS NOT NULL")
end`,
		Steps: []string{"add the check, not validated", "fill the rows that have none in batches", "validate it", "set NOT NULL with SQL and drop the check"},
		See:   []string{pgAlter, safeEcto},
	},
	"drop-not-null": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Code that runs may not expect nil. See that all instances do before anything writes it.",
		Bad: `def change do
  alter table(:posts) do
    modify :slug, :text, null: true, from: {:text, null: false}
  end
end`,
		Good: `def change do
  create table(:posts) do
    add :slug, :text
  end
end`,
		See: []string{pgAlter},
	},
	"remove-column": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Ecto selects every field of a schema by name. While instances run whose schema has the field, each of their queries fails (42703). The schemas under lib are read: once none names the column, nothing is reported.",
		Bad: `# lib/demo/post.ex
defmodule Demo.Post do
  use Ecto.Schema

  schema "posts" do
    field :title, :string
    field :body, :string
  end
end

# 20240101000000_remove.exs
def change do
  alter table(:posts) do
    remove :body, :text
  end
end`,
		Good: `# lib/demo/post.ex
defmodule Demo.Post do
  use Ecto.Schema

  schema "posts" do
    field :title, :string
  end
end

# 20240101000000_remove.exs
def change do
  alter table(:posts) do
    remove :body, :text
  end
end`,
		Steps: []string{"remove the field from the schema, deploy", "remove the column, deploy"},
		See:   []string{safeEcto},
	},
	"remove-column-dependents": {
		Lock: "ACCESS EXCLUSIVE on the table", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Indexes and constraints of several columns go with any one of them, without a word. Queries that used the index read the whole table, and what the constraint kept out comes in.",
		Bad: `# 20240101000000_posts.exs
def change do
  create table(:posts) do
    add :author, :text
    add :title, :text
  end

  create index(:posts, [:author, :title])
end

# 20240102000000_remove.exs
def change do
  alter table(:posts) do
    remove :title, :text
  end
end`,
		Good: `# 20240101000000_posts.exs
def change do
  create table(:posts) do
    add :author, :text
    add :title, :text
  end
end

# 20240102000000_remove.exs
def change do
  alter table(:posts) do
    remove :title, :text
  end
end`,
		See: []string{pgAlter},
	},
	"rename-column": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Code with the old name fails from the moment of the rename, code with the new one before it: no order of deploys is right. The field can be renamed and the column left.",
		Bad: `def change do
  rename table(:posts), :title, to: :headline
end`,
		Good: `# lib/demo/post.ex
defmodule Demo.Post do
  use Ecto.Schema

  schema "posts" do
    field :headline, :string, source: :title
  end
end

# 20240101000000_nothing.exs
def change do
end`,
		See: []string{"https://hexdocs.pm/ecto/Ecto.Schema.html#field/3", safeEcto},
	},
	"add-primary-key": {
		Lock: "ACCESS EXCLUSIVE on the table, while the index is built", Blocks: "reads and writes", Versions: "all",
		Why: "The key's index is built under the lock. An index that was built concurrently can become the key in a moment.",
		Bad: `def change do
  execute "ALTER TABLE posts ADD PRIMARY KEY (key)", "ALTER TABLE posts DROP CONSTRAINT posts_pkey"
end`,
		Good: `# 20240101000000_posts.exs
def change do
  create table(:posts, primary_key: false) do
    add :key, :uuid, null: false
  end
end

# 20240102000000_key.exs
def change do
  execute "ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY USING INDEX posts_key_index",
          "ALTER TABLE posts DROP CONSTRAINT posts_pkey"
end`,
		Steps: []string{"make the columns NOT NULL", "build a unique index concurrently", "make it the key with USING INDEX"},
		See:   []string{pgAlter},
	},
	"add-unique-constraint": {
		Lock: "ACCESS EXCLUSIVE on the table, while the index is built", Blocks: "reads and writes", Versions: "all",
		Why: "As with a primary key: the index is built under the lock, unless it is there already.",
		Bad: `def change do
  execute "ALTER TABLE posts ADD CONSTRAINT posts_slug_key UNIQUE (slug)",
          "ALTER TABLE posts DROP CONSTRAINT posts_slug_key"
end`,
		Good: `def change do
  execute "ALTER TABLE posts ADD CONSTRAINT posts_slug_key UNIQUE USING INDEX posts_slug_index",
          "ALTER TABLE posts DROP CONSTRAINT posts_slug_key"
end`,
		Steps: []string{"build a unique index concurrently", "make it the constraint with USING INDEX"},
		See:   []string{pgAlter},
	},
	"pk-using-index-nullable": {
		Lock: "ACCESS EXCLUSIVE on the table, while every row is read", Blocks: "reads and writes", Versions: "all",
		Why: "A primary key makes its columns NOT NULL. Where they are not yet, every row is looked at under the lock.",
		Bad: `# 20240101000000_posts.exs
def change do
  create table(:posts, primary_key: false) do
    add :key, :uuid
  end

  create unique_index(:posts, [:key])
end

# 20240102000000_key.exs
def change do
  execute "ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY USING INDEX posts_key_index",
          "ALTER TABLE posts DROP CONSTRAINT posts_pkey"
end`,
		Good: `# 20240101000000_posts.exs
def change do
  create table(:posts, primary_key: false) do
    add :key, :uuid, null: false
  end

  create unique_index(:posts, [:key])
end

# 20240102000000_key.exs
def change do
  execute "ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY USING INDEX posts_key_index",
          "ALTER TABLE posts DROP CONSTRAINT posts_pkey"
end`,
		See: []string{pgAlter},
	},
	"json-column": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "json keeps its text as it is and has no equality: DISTINCT, GROUP BY and UNION over it fail (42883). jsonb, which is what :map is, has.",
		Bad: `def change do
  alter table(:posts) do
    add :meta, :json
  end
end`,
		Good: `def change do
  alter table(:posts) do
    add :meta, :map
  end
end`,
		See: []string{"https://www.postgresql.org/docs/current/datatype-json.html"},
	},
	"style-integer-key": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A key of four bytes ends at 2,147,483,647, and making it larger writes the table again.",
		Bad: `def change do
  create table(:posts, primary_key: false) do
    add :id, :serial, primary_key: true
  end
end`,
		Good: `def change do
  create table(:posts)
end`,
		See: []string{"https://www.postgresql.org/docs/current/datatype-numeric.html"},
	},
	"style-varchar": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A limit in the type is a change of type when it has to change. A check can be replaced without one.",
		Bad: `def change do
  create table(:posts) do
    add :title, :string
  end
end`,
		Good: `def change do
  create table(:posts) do
    add :title, :text
  end
end`,
		See: []string{"https://www.postgresql.org/docs/current/datatype-character.html"},
	},
	"style-char": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "char(n) is padded with blanks, which some comparisons see and some do not. It saves nothing.",
		Bad: `def change do
  create table(:posts) do
    add :code, :char, size: 3
  end
end`,
		Good: `def change do
  create table(:posts) do
    add :code, :text
  end
end`,
		See: []string{"https://www.postgresql.org/docs/current/datatype-character.html"},
	},
	"style-naive-timestamp": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A timestamp without time zone means whatever the session thinks. timestamptz is a moment.",
		Bad: `def change do
  create table(:posts) do
    add :published_at, :naive_datetime
  end
end`,
		Good: `def change do
  create table(:posts) do
    add :published_at, :timestamptz
  end
end`,
		See: []string{"https://www.postgresql.org/docs/current/datatype-datetime.html"},
	},
	"style-serial": {
		Lock: "none", Blocks: "nothing", Versions: "identity columns from 10 on",
		Why: "A serial column's sequence is an object of its own with privileges of its own. An identity column's is part of the table.",
		Bad: `def change do
  create table(:posts, primary_key: false) do
    add :id, :bigserial, primary_key: true
  end
end`,
		Good: `def change do
  create table(:posts, primary_key: false) do
    add :id, :identity, primary_key: true
  end
end`,
		See: []string{"https://www.postgresql.org/docs/current/ddl-identity-columns.html"},
	},
}
