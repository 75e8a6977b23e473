package lint

// structureDocs is what is said of the rules about what Ecto makes of the files.
var structureDocs = map[string]Doc{
	"parse-error": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "A file that is not Elixir stops every migration. Only the definition that is broken is left out here, the others are looked at.",
		Bad: `def change do
  create table(:posts
end`,
		Good: `def change do
  create table(:posts)
end`,
		See: []string{"https://hexdocs.pm/elixir/syntax-reference.html"},
	},
	"raises": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "Ecto raises: no module of the file is a migration, there is neither up nor change, a column type that the adapter does not know, SQL that is no string.",
		Bad: `def update do
  create table(:posts)
end`,
		Good: `def change do
  create table(:posts)
end`,
		See: []string{ectoMigrate},
	},
	"flush-in-change": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "On the way back Ecto runs change to collect what it then reverses. There is nothing to be flushed, and flush raises.",
		Bad: `def change do
  create table(:posts)
  flush()
end`,
		Good: `def up do
  create table(:posts)
  flush()
end

def down do
  drop table(:posts)
end`,
		See: []string{ectoMigrate + "#flush/0"},
	},
	"dangling-ddl": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "index, unique_index, constraint and table only describe something. Without create or drop before it the line does nothing, and nothing says so.",
		Bad: `def change do
  create table(:posts) do
    add :title, :text
  end

  index(:posts, [:title])
end`,
		Good: `def change do
  create table(:posts) do
    add :title, :text
  end

  create index(:posts, [:title])
end`,
		See: []string{"https://github.com/elixir-ecto/ecto_sql/issues/656"},
	},
	"uncalled-ddl": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "Ecto calls up, down or change, and nothing else. Changes in a function of another name that nothing calls are never made, and nothing says so: drop in place of down leaves a migration that cannot be rolled back.",
		Bad: `def up do
  create table(:posts)
end

def drop do
  drop table(:posts)
end`,
		Good: `def up do
  create table(:posts)
end

def down do
  drop table(:posts)
end`,
		See: []string{ectoMigrate},
	},
	"irreversible-change": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "change is run backwards on a rollback. remove without a type, modify without from:, drop of a table or constraint, and execute with one argument say nothing of what was before, and Ecto raises when it is needed most. A migration without down, and one whose down raises, are only a remark: somebody meant it.",
		Bad: `def change do
  execute "CREATE VIEW best_posts AS SELECT 1 AS id"
end`,
		Good: `def change do
  execute "CREATE VIEW best_posts AS SELECT 1 AS id", "DROP VIEW best_posts"
end`,
		See: []string{ectoMigrate + "#module-change"},
	},
	"multi-statement-execute": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "Ecto prepares what it executes, and PostgreSQL prepares one statement at a time (42601). The body of a function may have as many as it likes.",
		Bad: `def up do
  execute """
  CREATE VIEW a AS SELECT 1 AS id;
  CREATE VIEW b AS SELECT 2 AS id;
  """
end

def down, do: :ok`,
		Good: `def up do
  execute "CREATE VIEW a AS SELECT 1 AS id"
  execute "CREATE VIEW b AS SELECT 2 AS id"
end

def down, do: :ok`,
		See: []string{"https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY"},
	},
	"sql-syntax": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "PostgreSQL's own grammar refuses the statement. It stands most often in down, which nobody runs until it is needed.",
		Bad: `def up do
  execute "CREATE TYPE pair AS (a int, b int)"
end

def down do
  execute "DELETE TYPE pair"
end`,
		Good: `def up do
  execute "CREATE TYPE pair AS (a int, b int)"
end

def down do
  execute "DROP TYPE pair"
end`,
		See: []string{"https://www.postgresql.org/docs/current/sql-commands.html"},
	},
	"raw-sql-unresolved": {
		Lock: "not known", Blocks: "not known", Versions: "all",
		Why: "The text comes from a function, the environment or the database, and is only known when it runs. It is said once for a file; SQL that can be read is judged as what it is.",
		Bad: `def up do
  execute System.fetch_env!("SQL")
end

def down, do: :ok`,
		Good: `@table "posts"

def up do
  execute "ALTER TABLE #{@table} ALTER COLUMN title SET STATISTICS 500"
end

def down, do: :ok`,
		See: []string{ectoMigrate + "#execute/1"},
	},
	"prefix-mismatch": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "A prefix is PostgreSQL's schema. A table that was created in one is not found without it, or its index lands on another table of the same name.",
		Bad: `# 20240101000000_posts.exs
def change do
  create table(:posts, prefix: "blog")
end

# 20240102000000_body.exs
def change do
  alter table(:posts) do
    add :body, :text
  end
end`,
		Good: `# 20240101000000_posts.exs
def change do
  create table(:posts, prefix: "blog")
end

# 20240102000000_body.exs
def change do
  alter table(:posts, prefix: "blog") do
    add :body, :text
  end
end`,
		See: []string{ectoMigrate + "#module-prefixes"},
	},
	"filename": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "Ecto runs files named VERSION_name.exs. A file without the number is left out without a word, one that ends in .ex with a warning.",
		Bad: `# add_posts.exs, or 20240101000000_add_posts.ex
def change do
  create table(:posts)
end`,
		Good: `# 20240101000000_add_posts.exs
def change do
  create table(:posts)
end`,
		See: []string{ectoMigrator + "#run/4"},
	},
	"duplicates": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "Ecto raises when two pending migrations have the same version or the same name; on a new database all are pending. Two with the same module replace each other in memory.",
		Bad: `# 20240101000000_add_posts.exs
def change do
  create table(:posts)
end

# 20240102000000_add_posts.exs
def change do
  create table(:articles)
end`,
		Good: `# 20240101000000_add_posts.exs
def change do
  create table(:posts)
end

# 20240102000000_add_articles.exs
def change do
  create table(:articles)
end`,
		See: []string{ectoMigrator},
	},
	"suppression-no-reason": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A comment that keeps a rule quiet has to say why, for whoever reads it in a year. Without a reason it does nothing.",
		Bad: `def change do
  # ops-console:ignore rename-table
  rename table(:posts), to: table(:articles)
end`,
		Good: `def change do
  # ops-console:ignore rename-table -- deployed with the site down
  rename table(:posts), to: table(:articles)
end`,
	},
	"suppression-unknown": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A rule that is misspelled keeps nothing quiet.",
		Bad: `def change do
  # ops-console:ignore rename-tables -- deployed with the site down
  rename table(:posts), to: table(:articles)
end`,
		Good: `def change do
  # ops-console:ignore rename-table -- deployed with the site down
  rename table(:posts), to: table(:articles)
end`,
	},
	"suppression-unused": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A comment that keeps nothing quiet hides what comes later. Rules that are off, and those that need a database where none was asked, do not count.",
		Bad: `def change do
  # ops-console:ignore rename-table -- deployed with the site down
  create table(:articles)
end`,
		Good: `def change do
  create table(:articles)
end`,
	},
}
