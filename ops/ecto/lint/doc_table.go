package lint

// Pages that rules about tables refer to.
const (
	pgDropTable = "https://www.postgresql.org/docs/current/sql-droptable.html"
	pgTruncate  = "https://www.postgresql.org/docs/current/sql-truncate.html"
	pgType      = "https://www.postgresql.org/docs/current/sql-altertype.html"
	pgEnum      = "https://www.postgresql.org/docs/current/datatype-enum.html"
	pgRefresh   = "https://www.postgresql.org/docs/current/sql-refreshmaterializedview.html"
	pgRows      = "https://www.postgresql.org/docs/current/ddl-rowsecurity.html"
	pgTrigger   = "https://www.postgresql.org/docs/current/sql-createtrigger.html"
	pgExtension = "https://www.postgresql.org/docs/current/sql-createextension.html"
)

// tableDocs is what is said of the rules about tables and other objects.
var tableDocs = map[string]Doc{
	"drop-table": {
		Lock: "ACCESS EXCLUSIVE on the table, and on those its foreign keys lead to", Blocks: "reads and writes of the others, as long as it waits for its turn", Versions: "all",
		Why: "The rows are gone, and code that still reads the table fails (42P01). The schemas under lib are read: where none names the table it is a remark.",
		Bad: `def up do
  drop table(:posts)
end

def down, do: :ok`,
		Good: `def up do
  create table(:scratch)
  drop table(:scratch)
end

def down, do: :ok`,
		Steps: []string{"deploy code that does not name the table", "look whether anything still reads it: pg_stat_user_tables", "drop it"},
		See:   []string{pgDropTable, safeEcto},
	},
	"drop-cascade": {
		Lock: "ACCESS EXCLUSIVE on whatever goes", Blocks: "reads and writes of it", Versions: "all",
		Why: "CASCADE drops views, foreign keys, columns of a dropped type and what depends on those, without being told which. What it took is found out when something fails.",
		Bad: `def up do
  drop table(:posts), mode: :cascade
end

def down, do: :ok`,
		Good: `def up do
  execute "DROP VIEW best_posts"
  drop constraint(:comments, "comments_post_id_fkey")
  drop table(:posts)
end

def down, do: :ok`,
		See: []string{"https://www.postgresql.org/docs/current/ddl-depend.html"},
	},
	"truncate": {
		Lock: "ACCESS EXCLUSIVE on the table", Blocks: "reads and writes", Versions: "all",
		Why: "Every row is gone, without a trigger that would see it, and old snapshots find the table empty too.",
		Bad: `def up do
  execute "TRUNCATE posts"
end

def down, do: :ok`,
		Good: `def up do
  create table(:scratch)
  execute "TRUNCATE scratch"
end

def down, do: :ok`,
		See: []string{pgTruncate},
	},
	"truncate-cascade": {
		Lock: "ACCESS EXCLUSIVE on the table and on those that refer to it", Blocks: "reads and writes of all of them", Versions: "all",
		Why: "CASCADE also empties every table with a foreign key to it, and those with a key to these, whatever ON DELETE says.",
		Bad: `def up do
  execute "TRUNCATE posts CASCADE"
end

def down, do: :ok`,
		Good: `def up do
  create table(:scratch)
  execute "TRUNCATE scratch"
end

def down, do: :ok`,
		See: []string{pgTruncate},
	},
	"rename-table": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Code with the old name fails from the rename on, code with the new name before it (42P01): no order of deploys is right. Rename the schema's module and keep the table, or leave a view with the old name behind: a simple view can be written to.",
		Bad: `def change do
  rename table(:posts), to: table(:articles)
end`,
		Good: `# lib/demo/article.ex
defmodule Demo.Article do
  use Ecto.Schema

  schema "posts" do
    field :title, :string
  end
end

# 20240101000000_nothing.exs
def change do
end`,
		See: []string{"https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS", safeEcto},
	},
	"set-schema": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "To running code the table is gone (42P01) unless the other schema is in its search path: it is a rename.",
		Bad: `def change do
  execute "ALTER TABLE posts SET SCHEMA archive", "ALTER TABLE archive.posts SET SCHEMA public"
end`,
		Good: `def change do
  create table(:posts, prefix: "archive")
end`,
		See: []string{pgAlter},
	},
	"rename-schema": {
		Lock: "none on tables", Blocks: "nothing, but every query that names the schema fails", Versions: "all",
		Why: "Every @schema_prefix, prefix: and search path with the old name is wrong from then on (3F000, 42P01).",
		Bad: `def change do
  execute "ALTER SCHEMA blog RENAME TO archive", "ALTER SCHEMA archive RENAME TO blog"
end`,
		Good: `def change do
  execute "CREATE SCHEMA archive", "DROP SCHEMA archive"
end`,
		See: []string{"https://www.postgresql.org/docs/current/sql-alterschema.html"},
	},
	"partition-create-of": {
		Lock: "ACCESS EXCLUSIVE on the parent", Blocks: "reads and writes of all partitions, as long as it waits for its turn", Versions: "all",
		Why: "CREATE TABLE … PARTITION OF locks the parent. A table that is made by itself and attached takes SHARE UPDATE EXCLUSIVE there (12 and later), and with a check that says its bounds nothing has to be read.",
		Bad: `# 20240101000000_events.exs
def change do
  create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
    add :at, :utc_datetime
  end
end

# 20240102000000_partition.exs
def change do
  execute "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
          "DROP TABLE events_2025"
end`,
		Good: `# 20240101000000_events.exs
def change do
  create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
    add :at, :utc_datetime
  end
end

# 20240102000000_partition.exs
def up do
  execute "CREATE TABLE events_2025 (LIKE events INCLUDING ALL, CHECK (at >= '2025-01-01' AND at < '2026-01-01'))"
  execute "ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
end

def down do
  execute "DROP TABLE events_2025"
end`,
		See: []string{pgPartitions + "#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE"},
	},
	"partition-detach": {
		Lock: "ACCESS EXCLUSIVE on the parent and on the partition", Blocks: "reads and writes of all partitions, as long as it waits for its turn", Versions: "CONCURRENTLY from 14 on",
		Why: "With CONCURRENTLY, outside of a transaction, it takes SHARE UPDATE EXCLUSIVE on the parent and waits for queries without making others wait.",
		Bad: `def up do
  execute "ALTER TABLE events DETACH PARTITION events_2020"
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

def up do
  execute "ALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY"
end

def down, do: :ok`,
		See: []string{pgAlter + "#SQL-ALTERTABLE-DETACH-PARTITION"},
	},
	"partition-attach-scan": {
		Lock: "ACCESS EXCLUSIVE on the partition, while every row is read; SHARE UPDATE EXCLUSIVE on the parent", Blocks: "reads and writes of the partition", Versions: "before 12 ACCESS EXCLUSIVE on the parent too",
		Why: "PostgreSQL proves that every row is within the bounds. A valid check that says so spares the reading.",
		Bad: `def up do
  execute "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
end

def down, do: :ok`,
		Good: `# 20240101000000_check.exs
def change do
  create constraint(:events_2024, :bounds,
           check: "at IS NOT NULL AND at >= '2024-01-01' AND at < '2025-01-01'",
           validate: false
         )
end

# 20240102000000_validate.exs
def change do
  execute "ALTER TABLE events_2024 VALIDATE CONSTRAINT bounds", ""
end

# 20240103000000_attach.exs
def up do
  execute "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
end

def down, do: :ok`,
		See: []string{pgPartitions + "#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE"},
	},
	"rewrite-misc": {
		Lock: "ACCESS EXCLUSIVE on the table, while it is written again", Blocks: "reads and writes", Versions: "all",
		Why: "SET LOGGED and UNLOGGED, SET TABLESPACE, SET ACCESS METHOD, CLUSTER and VACUUM FULL write the whole table and its indexes again. VACUUM also fails inside of a transaction (25001).",
		Bad: `def up do
  execute "CLUSTER posts USING posts_pkey"
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

def up do
  execute "VACUUM posts"
end

def down, do: :ok`,
		See: []string{"https://www.postgresql.org/docs/current/sql-cluster.html", "https://reorg.github.io/pg_repack/"},
	},
	"enum-value-same-tx": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "12 and later for the use; before 12 ADD VALUE itself fails in a transaction (25001)",
		Why: "A value that was added is not good before its transaction has ended (55P04), unless the same transaction made the type. Defaults, inserts, updates and checks that name it count.",
		Bad: `def up do
  execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'"
  execute "UPDATE people SET mood = 'glad' WHERE mood IS NULL"
end

def down, do: :ok`,
		Good: `# 20240101000000_add.exs
def up do
  execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'"
end

def down, do: :ok

# 20240102000000_use.exs
def up do
  execute "UPDATE people SET mood = 'glad' WHERE mood IS NULL"
end

def down, do: :ok`,
		See: []string{pgType},
	},
	"enum-rename": {
		Lock: "none on tables", Blocks: "nothing", Versions: "10 and later",
		Why: "Code that writes or compares the old value fails from then on (22P02), code with the new one before.",
		Bad: `def change do
  execute "ALTER TYPE mood RENAME VALUE 'sad' TO 'low'", "ALTER TYPE mood RENAME VALUE 'low' TO 'sad'"
end`,
		Good: `def up do
  execute "ALTER TYPE mood ADD VALUE 'low' BEFORE 'sad'"
end

def down, do: :ok`,
		Steps: []string{"add the new value", "deploy code that reads both and writes the new one", "change the rows in batches"},
		See:   []string{pgType},
	},
	"enum-remove": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "There is no way to take a value away. Rows and indexes that have it can no longer be read when its row of pg_enum is gone, and even without such rows an index may keep it in its inner pages.",
		Bad: `def up do
  execute "DELETE FROM pg_enum WHERE enumlabel = 'sad'"
end

def down, do: :ok`,
		Good: `def up do
  execute "CREATE TYPE new_mood AS ENUM ('glad', 'calm')"
end

def down do
  execute "DROP TYPE new_mood"
end`,
		See: []string{pgEnum},
	},
	"enum-order": {
		Lock: "none on tables", Blocks: "nothing", Versions: "all",
		Why: "Values compare in the order of the type. A new one comes last unless BEFORE or AFTER says where it belongs.",
		Bad: `def up do
  execute "ALTER TYPE priority ADD VALUE 'medium'"
end

def down, do: :ok`,
		Good: `def up do
  execute "ALTER TYPE priority ADD VALUE 'medium' AFTER 'low'"
end

def down, do: :ok`,
		See: []string{pgEnum + "#DATATYPE-ENUM-ORDERING"},
	},
	"enum-create": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "Values can be added and renamed, but not taken away or put in another order. Off unless asked for.",
		Bad: `def change do
  execute "CREATE TYPE mood AS ENUM ('sad', 'glad')", "DROP TYPE mood"
end`,
		Good: `def change do
  create table(:people) do
    add :mood, :text
  end

  create constraint(:people, :mood_known, check: "mood IN ('sad', 'glad')")
end`,
		See: []string{pgEnum},
	},
	"matview-refresh": {
		Lock: "ACCESS EXCLUSIVE on the materialized view, as long as its query takes", Blocks: "its readers", Versions: "all",
		Why: "With CONCURRENTLY readers see the old rows meanwhile. It needs a unique index of plain columns, without WHERE, and a view that was filled before.",
		Bad: `def up do
  execute "REFRESH MATERIALIZED VIEW daily"
end

def down, do: :ok`,
		Good: `def up do
  execute "REFRESH MATERIALIZED VIEW CONCURRENTLY daily"
end

def down, do: :ok`,
		See: []string{pgRefresh},
	},
	"view-type-dependency": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "A column that a view, a rule, a policy or a trigger's list of columns uses can neither get another type (0A000) nor go (2BP01). Which there are is read from the live database.",
		Bad: `def change do
  alter table(:posts) do
    remove :title, :text
  end
end`,
		Good: `def up do
  execute "DROP VIEW best_posts"

  alter table(:posts) do
    remove :title
  end

  execute "CREATE VIEW best_posts AS SELECT id FROM posts"
end

def down, do: :ok`,
		See: []string{"https://www.postgresql.org/docs/current/ddl-depend.html"},
	},
	"rls-enable": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "Row level security without a policy shows nobody any row but the owner and roles that bypass it. The application may be one of these in one place and not in another.",
		Bad: `def change do
  execute "ALTER TABLE posts ENABLE ROW LEVEL SECURITY", "ALTER TABLE posts DISABLE ROW LEVEL SECURITY"
end`,
		Good: `def up do
  execute "CREATE POLICY own ON posts USING (author = current_user)"
  execute "ALTER TABLE posts ENABLE ROW LEVEL SECURITY"
end

def down do
  execute "ALTER TABLE posts DISABLE ROW LEVEL SECURITY"
  execute "DROP POLICY own ON posts"
end`,
		See: []string{pgRows},
	},
	"policy": {
		Lock: "ACCESS EXCLUSIVE on the table, for a moment", Blocks: "reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "On a table that has row level security a new policy changes at once which rows running code sees: a permissive one more, a restrictive one fewer.",
		Bad: `# 20240101000000_enable.exs
def up do
  execute "CREATE POLICY own ON posts USING (author = current_user)"
  execute "ALTER TABLE posts ENABLE ROW LEVEL SECURITY"
end

def down, do: :ok

# 20240102000000_policy.exs
def change do
  execute "CREATE POLICY recent ON posts AS RESTRICTIVE USING (inserted_at > '2020-01-01')", "DROP POLICY recent ON posts"
end`,
		Good: `def up do
  execute "CREATE POLICY own ON posts USING (author = current_user)"
  execute "ALTER TABLE posts ENABLE ROW LEVEL SECURITY"
end

def down, do: :ok`,
		See: []string{pgRows, "https://www.postgresql.org/docs/current/sql-createpolicy.html"},
	},
	"trigger-ddl": {
		Lock: "SHARE ROW EXCLUSIVE on the table to make one or to switch it, ACCESS EXCLUSIVE to drop one", Blocks: "writes, or reads and writes, as long as it waits for its turn", Versions: "all",
		Why: "The statement is short, but waits for every transaction on the table while others wait behind it. A trigger that is switched off is off for all sessions, and what they write meanwhile it does not see.",
		Bad: `def up do
  execute "DROP TRIGGER posts_search ON posts"
end

def down, do: :ok`,
		Good: `def up do
  create table(:logs)
  execute "CREATE TRIGGER logs_search AFTER INSERT ON logs FOR EACH ROW EXECUTE FUNCTION search()"
end

def down do
  drop table(:logs)
end`,
		See: []string{pgTrigger, pgLocks},
	},
	"extension": {
		Lock: "none on tables", Blocks: "nothing", Versions: "from 13 on many of PostgreSQL's own are trusted: CREATE on the database is enough, and nothing is reported",
		Why: "Others need a superuser, and their files on the server. What works where the migration was written may fail where it runs.",
		Bad: `def change do
  execute "CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "DROP EXTENSION IF EXISTS pg_stat_statements"
end`,
		Good: `def change do
  execute "CREATE EXTENSION IF NOT EXISTS citext", "DROP EXTENSION IF EXISTS citext"
end`,
		See: []string{pgExtension},
	},
	"role": {
		Lock: "none on tables", Blocks: "nothing", Versions: "all",
		Why: "Roles belong to the whole server and differ from one to the next; the role that migrates may not be allowed to grant.",
		Bad: `def change do
  execute "GRANT SELECT ON posts TO reader", "REVOKE SELECT ON posts FROM reader"
end`,
		Good: `def change do
  create table(:posts)
end`,
		See: []string{"https://www.postgresql.org/docs/current/user-manag.html"},
	},
	"system": {
		Lock: "none on tables", Blocks: "nothing", Versions: "all",
		Why: "ALTER DATABASE, ALTER ROLE … SET and ALTER SYSTEM change the server for everybody and for good; sessions that are open do not see it. ALTER SYSTEM fails inside of a transaction (25001).",
		Bad: `def up do
  execute "ALTER DATABASE demo SET timezone TO 'UTC'"
end

def down, do: :ok`,
		Good: `def up do
  execute "SET LOCAL work_mem TO '64MB'"
end

def down, do: :ok`,
		See: []string{"https://www.postgresql.org/docs/current/config-setting.html"},
	},
}
