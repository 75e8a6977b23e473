package lint

// Pages that rules refer to.
const (
	pgLocks      = "https://www.postgresql.org/docs/current/explicit-locking.html"
	pgAlter      = "https://www.postgresql.org/docs/current/sql-altertable.html"
	pgIndex      = "https://www.postgresql.org/docs/current/sql-createindex.html"
	pgReindex    = "https://www.postgresql.org/docs/current/sql-reindex.html"
	pgDropIndex  = "https://www.postgresql.org/docs/current/sql-dropindex.html"
	pgPartitions = "https://www.postgresql.org/docs/current/ddl-partitioning.html"
	pgClient     = "https://www.postgresql.org/docs/current/runtime-config-client.html"
	pgConstraint = "https://www.postgresql.org/docs/current/ddl-constraints.html"
	pgNames      = "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS"
	ectoMigrate  = "https://hexdocs.pm/ecto_sql/Ecto.Migration.html"
	ectoMigrator = "https://hexdocs.pm/ecto_sql/Ecto.Migrator.html"
	safeEcto     = "https://github.com/fly-apps/safe-ecto-migrations"
)

// indexDocs is what is said of the rules about indexes.
var indexDocs = map[string]Doc{
	"index-not-concurrent": {
		Lock:     "SHARE on the table, until the index is built and the transaction ends",
		Blocks:   "writes",
		Versions: "all",
		Why:      "CREATE INDEX reads the whole table and keeps writes out meanwhile: about a second for a million short rows, minutes for a large table. CONCURRENTLY builds beside them. It cannot run in a transaction, and not under the lock that Ecto's migrator takes by default.",
		Bad: `def change do
  create index(:posts, [:title])
end`,
		Good: `@disable_ddl_transaction true

# with config :my_app, MyApp.Repo, migration_lock: :pg_advisory_lock
def change do
  create index(:posts, [:title], concurrently: true)
end`,
		See: []string{pgIndex + "#SQL-CREATEINDEX-CONCURRENTLY", ectoMigrate + "#index/3"},
	},
	"index-concurrent-in-tx": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "PostgreSQL refuses CONCURRENTLY inside of a transaction (25001), and Ecto runs a migration in one unless it says otherwise.",
		Bad: `def change do
  create index(:posts, [:title], concurrently: true)
end`,
		Good: `@disable_ddl_transaction true

def change do
  create index(:posts, [:title], concurrently: true)
end`,
		See: []string{ectoMigrate + "#index/3-adding-dropping-indexes-concurrently", pgIndex},
	},
	"index-concurrent-under-migration-lock": {
		Lock: "SHARE UPDATE EXCLUSIVE on the table, while it waits", Blocks: "other changes of the table's structure, vacuum, and every other migrator", Versions: "all",
		Why: "Ecto's migrator locks its table in a transaction on another connection and reads the versions there. That transaction stays open with a snapshot, a concurrent build waits for all snapshots that are older, and the migrator waits for the build: it hangs. The advisory lock holds no transaction.",
		Bad: `@disable_ddl_transaction true

def change do
  create index(:posts, [:title], concurrently: true)
end`,
		Good: `@disable_ddl_transaction true
@disable_migration_lock true

# better: config :my_app, MyApp.Repo, migration_lock: :pg_advisory_lock, and without the attribute
def change do
  create index(:posts, [:title], concurrently: true)
end`,
		See: []string{ectoMigrate + "#module-migrator-configuration", pgIndex + "#SQL-CREATEINDEX-CONCURRENTLY"},
	},
	"migration-lock-disabled-race": {
		Lock: "SHARE UPDATE EXCLUSIVE on the table, by two sessions at once", Blocks: "each other", Versions: "all",
		Why: "Without the migrator's lock every node that starts runs the migration. Two concurrent builds on one table wait for each other: one ends with a deadlock (40P01) and leaves an invalid index, and the version may be recorded as done all the same.",
		Bad: `@disable_ddl_transaction true
@disable_migration_lock true

def change do
  create index(:posts, [:title], concurrently: true)
end`,
		Good: `@disable_ddl_transaction true

# with config :my_app, MyApp.Repo, migration_lock: :pg_advisory_lock
def change do
  create index(:posts, [:title], concurrently: true)
end`,
		See: []string{ectoMigrate + "#module-migrator-configuration"},
	},
	"index-if-not-exists-invalid": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A concurrent build that fails leaves its index behind, marked invalid: writes keep it up and no query uses it. IF NOT EXISTS looks at the name alone, so the second try succeeds and changes nothing.",
		Bad: `@disable_ddl_transaction true

def change do
  create_if_not_exists index(:posts, [:title], concurrently: true)
end`,
		Good: `@disable_ddl_transaction true

def up do
  drop_if_exists index(:posts, [:title], concurrently: true)
  create index(:posts, [:title], concurrently: true)
end

def down do
  drop_if_exists index(:posts, [:title], concurrently: true)
end`,
		See: []string{pgIndex + "#SQL-CREATEINDEX-CONCURRENTLY"},
	},
	"index-swap-same-migration": {
		Lock: "none that lasts", Blocks: "nothing, but queries may lose the index that they need", Versions: "all",
		Why: "Without a transaction each statement stands by itself. If the new index fails or is invalid, the old one is dropped in the next run all the same, and queries read the whole table.",
		Bad: `@disable_ddl_transaction true

def up do
  create index(:posts, [:title, :inserted_at], concurrently: true)
  drop index(:posts, [:title], concurrently: true)
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

# the old index goes in a later migration, when pg_index.indisvalid says that this one is good
def change do
  create index(:posts, [:title, :inserted_at], concurrently: true)
end`,
		Steps: []string{"build the new index", "look whether it is valid", "drop the old one"},
		See:   []string{pgIndex + "#SQL-CREATEINDEX-CONCURRENTLY"},
	},
	"index-drop-not-concurrent": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Dropping takes a millisecond, but first it waits for every query on the table, and all later ones wait behind it.",
		Bad: `def change do
  drop index(:posts, [:title])
end`,
		Good: `@disable_ddl_transaction true

def change do
  drop index(:posts, [:title], concurrently: true)
end`,
		See: []string{pgDropIndex},
	},
	"nontx-multiple-operations": {
		Lock: "each statement its own", Blocks: "depends on the statements", Versions: "all",
		Why: "Without a transaction what ran before a failure stays, and the version is not recorded: the next run begins with a statement that was done already, and fails.",
		Bad: `@disable_ddl_transaction true

def change do
  create index(:posts, [:title], concurrently: true)
  create index(:posts, [:slug], concurrently: true)
end`,
		Good: `@disable_ddl_transaction true

def change do
  create index(:posts, [:title], concurrently: true)
end`,
		See: []string{ectoMigrate + "#module-transactions"},
	},
	"index-on-partitioned": {
		Lock: "SHARE on the table and on every partition", Blocks: "writes to all of them, until the last is built", Versions: "11 and later; before, such an index cannot be made",
		Why: "An index of a partitioned table is built on all partitions in one transaction, and CONCURRENTLY is refused. An index of the parent only, and one of each partition that is built concurrently and attached, leave writes alone.",
		Bad: `# 20240101000000_create_events.exs
def change do
  create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
    add :at, :utc_datetime
  end
end

# 20240102000000_index_events.exs
def change do
  create index(:events, [:at])
end`,
		Good: `# 20240101000000_create_events.exs
def change do
  create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
    add :at, :utc_datetime
  end
end

# 20240102000000_index_events.exs
def change do
  create index(:events, [:at], only: true)
end

# 20240103000000_index_partition.exs
@disable_ddl_transaction true

def change do
  create index(:events_2024, [:at], concurrently: true)
end

# 20240104000000_attach.exs
def up do
  execute "ALTER INDEX events_at_index ATTACH PARTITION events_2024_at_index"
end

def down, do: :ok`,
		See: []string{pgPartitions, pgIndex},
	},
	"unique-index-data": {
		Lock: "SHARE on the table, or SHARE UPDATE EXCLUSIVE with CONCURRENTLY", Blocks: "writes, unless it is built concurrently", Versions: "all",
		Why: "Rows that are alike make the build fail (23505), a concurrent one with an invalid index left behind that still refuses new duplicates. Look for them first, and keep new ones out in the application.",
		Bad: `@disable_ddl_transaction true

def change do
  create unique_index(:posts, [:slug], concurrently: true)
end`,
		Good: `def change do
  create table(:posts) do
    add :slug, :string
  end

  create unique_index(:posts, [:slug])
end`,
		Steps: []string{"deploy code that makes no more duplicates", "find and mend those that are there: SELECT slug FROM posts GROUP BY slug HAVING count(*) > 1", "build the unique index"},
		See:   []string{pgIndex},
	},
	"fk-missing-index": {
		Lock: "none", Blocks: "nothing, but deletes and updates of keys take long and hold their locks meanwhile", Versions: "all",
		Why: "PostgreSQL makes no index for a foreign key. When a row is deleted that others may refer to, it looks through the whole table for them.",
		Bad: `def change do
  create table(:comments) do
    add :post_id, references(:posts)
  end
end`,
		Good: `def change do
  create table(:comments) do
    add :post_id, references(:posts)
  end

  create index(:comments, [:post_id])
end`,
		See: []string{pgConstraint + "#DDL-CONSTRAINTS-FK"},
	},
	"reindex-not-concurrent": {
		Lock: "SHARE on the table and ACCESS EXCLUSIVE on the index", Blocks: "writes, and reads that would use the index", Versions: "CONCURRENTLY from 12 on",
		Why: "REINDEX builds the index again as CREATE INDEX does. Beside it, with CONCURRENTLY, it leaves readers and writers alone.",
		Bad: `def up do
  execute "REINDEX INDEX posts_title_index"
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

def up do
  execute "REINDEX INDEX CONCURRENTLY posts_title_index"
end

def down, do: :ok`,
		See: []string{pgReindex},
	},
	"index-name-too-long": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "PostgreSQL cuts names after 63 bytes with no more than a notice. Two long names may become the same, and Ecto looks for constraints by the whole name: unique_constraint does not recognise the error.",
		Bad: `def change do
  create table(:subscription_notification_preferences) do
    add :subscription_identifier, :text
    add :notification_channel, :text
  end

  create index(:subscription_notification_preferences, [:subscription_identifier, :notification_channel])
end`,
		Good: `def change do
  create table(:subscription_notification_preferences) do
    add :subscription_identifier, :text
    add :notification_channel, :text
  end

  create index(:subscription_notification_preferences, [:subscription_identifier, :notification_channel],
           name: :notification_preferences_index
         )
end`,
		See: []string{pgNames},
	},
	"index-too-wide": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "Of an index with many columns a query mostly uses the first few; each further column makes it larger and writes dearer. This is a matter of taste and off unless asked for.",
		Bad: `def change do
  create table(:posts)
  create index(:posts, [:a, :b, :c, :d])
end`,
		Good: `def change do
  create table(:posts)
  create index(:posts, [:a, :b])
end`,
		See: []string{"https://www.postgresql.org/docs/current/indexes-multicolumn.html"},
	},
}
