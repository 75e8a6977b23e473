package lint

// transactionDocs is what is said of the rules about transactions and timeouts.
var transactionDocs = map[string]Doc{
	"missing-lock-timeout": {
		Lock: "whatever the statement takes: SHARE or stronger on a table that is there", Blocks: "while it waits for its turn: every later query that conflicts, behind it", Versions: "all",
		Why: "A lock that is waited for counts as taken: whoever comes later waits behind it. One long SELECT on the table and an ALTER TABLE of a millisecond stop all traffic until the SELECT is done. With a lock_timeout the migration gives up, fails, and can be tried again.\n\nIt has to be in effect when the lock is wanted: SET after the statement, a value of 0, ALTER ROLE in the same file, and SET LOCAL outside of a transaction do not count. after_begin, execute, a module of the project's own that is used instead of Ecto.Migration, the role's or the server's setting, and the repo's connection parameters do. Of a whole history this is reported once.",
		Bad: `def change do
  alter table(:posts) do
    add :body, :text
  end
end`,
		Good: `def change do
  alter table(:posts) do
    add :body, :text
  end
end

def after_begin do
  repo().query!("SET LOCAL lock_timeout TO '5s'")
end`,
		See: []string{pgClient + "#GUC-LOCK-TIMEOUT", ectoMigrate + "#c:after_begin/0", pgLocks},
	},
	"lock-timeout-leak": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "SET without LOCAL holds for the session, and the session is a connection of the pool: the next migrations run with it, and whoever gets the connection later.",
		Bad: `@disable_ddl_transaction true

def up do
  execute "SET lock_timeout TO '5s'"
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive"
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

def up do
  execute "SET lock_timeout TO '5s'"
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive"
  execute "RESET lock_timeout"
end

def down, do: :ok`,
		See: []string{"https://www.postgresql.org/docs/current/sql-set.html"},
	},
	"lock-timeout-with-concurrently": {
		Lock: "SHARE UPDATE EXCLUSIVE on the table", Blocks: "nothing that reads or writes", Versions: "all",
		Why: "A concurrent build waits for every transaction that is older than itself, and lets others go on meanwhile. A lock_timeout or statement_timeout ends it and leaves an invalid index.",
		Bad: `@disable_ddl_transaction true

def up do
  execute "SET statement_timeout TO '1min'"
  create index(:posts, [:title], concurrently: true)
  execute "RESET statement_timeout"
end

def down, do: :ok`,
		Good: `@disable_ddl_transaction true

def up do
  execute "SET statement_timeout TO 0"
  create index(:posts, [:title], concurrently: true)
  execute "RESET statement_timeout"
end

def down, do: :ok`,
		See: []string{pgIndex + "#SQL-CREATEINDEX-CONCURRENTLY", pgClient},
	},
	"after-begin-ignored": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "after_begin and before_commit are called when the migration's transaction begins and ends. With @disable_ddl_transaction there is none, and Ecto does not say so.",
		Bad: `@disable_ddl_transaction true

def up do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive"
end

def down, do: :ok

def after_begin do
  repo().query!("SET lock_timeout TO '5s'")
end`,
		Good: `def up do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive"
end

def down, do: :ok

def after_begin do
  repo().query!("SET LOCAL lock_timeout TO '5s'")
end`,
		See: []string{ectoMigrate + "#c:after_begin/0"},
	},
	"work-after-exclusive-lock": {
		Lock: "ACCESS EXCLUSIVE, from an earlier statement of the transaction", Blocks: "reads and writes of that table, until the transaction ends", Versions: "all",
		Why: "A lock is held until its transaction ends. A column is added in a millisecond, but an index that is built after it in the same migration keeps the first table locked until it is done. Two busy tables that are locked in one transaction make deadlocks with whoever locks them the other way round; which are busy is read from the live database.",
		Bad: `def change do
  alter table(:posts) do
    add :body, :text
  end

  create index(:comments, [:post_id])
end`,
		Good: `# 20240101000000_add.exs
def change do
  alter table(:posts) do
    add :body, :text
  end
end

# 20240102000000_index.exs
@disable_ddl_transaction true

def change do
  create index(:comments, [:post_id], concurrently: true)
end`,
		See: []string{pgLocks},
	},
	"backfill-in-ddl-tx": {
		Lock: "what the change of the table took, until all rows are done", Blocks: "reads and writes, or writes", Versions: "all",
		Why: "Rows that are changed in the transaction that alters their table keep its lock until the last one is done. Rows that are changed first stay locked while the ALTER waits. A backfill goes in batches, by key, with pauses, in a migration or task of its own.",
		Bad: `def up do
  alter table(:posts) do
    add :slug, :text
  end

  execute "UPDATE posts SET slug = lower(title) WHERE slug IS NULL"
end

def down, do: :ok`,
		Good: `# 20240101000000_add.exs
def change do
  alter table(:posts) do
    add :slug, :text
  end
end

# 20240102000000_fill.exs
@disable_ddl_transaction true

def up, do: batch(0)

def down, do: :ok

defp batch(last) do
  %{rows: rows} =
    repo().query!(
      """
      WITH batch AS (SELECT id FROM posts WHERE id > $1 ORDER BY id LIMIT 1000)
      UPDATE posts AS p SET slug = lower(p.title) FROM batch WHERE p.id = batch.id RETURNING p.id
      """,
      [last]
    )

  unless rows == [] do
    Process.sleep(50)
    rows |> List.flatten() |> Enum.max() |> batch()
  end
end`,
		Steps: []string{"add the column; deploy code that writes it", "fill the old rows in batches", "add what has to hold for all of them"},
		See:   []string{safeEcto, ectoMigrate + "#module-transactions"},
	},
}
