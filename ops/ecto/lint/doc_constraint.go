package lint

// constraintDocs is what is said of the rules about constraints.
var constraintDocs = map[string]Doc{
	"check-validating": {
		Lock: "ACCESS EXCLUSIVE on the table, while every row is read", Blocks: "reads and writes", Versions: "all",
		Why: "A check is proven on all rows before it is there. As NOT VALID it holds for new rows at once, and VALIDATE CONSTRAINT proves the old ones under SHARE UPDATE EXCLUSIVE, beside readers and writers. The two have to be two transactions.",
		Bad: `def change do
  create constraint(:posts, :views_positive, check: "views >= 0")
end`,
		Good: `# 20240101000000_add.exs
def change do
  create constraint(:posts, :views_positive, check: "views >= 0", validate: false)
end

# 20240102000000_validate.exs
def change do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive", ""
end`,
		Steps: []string{"add the check with validate: false", "mend rows that break it", "validate it"},
		See:   []string{pgAlter + "#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT", ectoMigrate + "#constraint/3"},
	},
	"validate-same-tx": {
		Lock: "what adding the constraint took: ACCESS EXCLUSIVE for a check, SHARE ROW EXCLUSIVE on both tables for a foreign key", Blocks: "reads and writes, or writes, while every row is read", Versions: "all",
		Why: "A lock is held until its transaction ends. Where one transaction adds a constraint as NOT VALID and validates it, all rows are read under the lock of the first statement, and nothing is won.",
		Bad: `def up do
  create constraint(:posts, :views_positive, check: "views >= 0", validate: false)
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive"
end

def down do
  drop constraint(:posts, :views_positive)
end`,
		Good: `# 20240101000000_add.exs
def change do
  create constraint(:posts, :views_positive, check: "views >= 0", validate: false)
end

# 20240102000000_validate.exs
def change do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive", ""
end`,
		See: []string{pgAlter + "#SQL-ALTERTABLE-NOTES", pgLocks},
	},
	"constraint-never-validated": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "As long as a constraint is NOT VALID rows from before may break it. The planner does not use it, SET NOT NULL does not rely on it, and a restored dump may fail on it. Where the migration goes out now, it is only a remark: the one that validates comes after it.",
		Bad: `# 20240101000000_add.exs
def change do
  create constraint(:posts, :views_positive, check: "views >= 0", validate: false)
end

# 20240201000000_something_else.exs
def change do
  create table(:tags)
end`,
		Good: `# 20240101000000_add.exs
def change do
  create constraint(:posts, :views_positive, check: "views >= 0", validate: false)
end

# 20240102000000_validate.exs
def change do
  execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive", ""
end`,
		See: []string{pgAlter + "#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT"},
	},
	"exclusion-constraint": {
		Lock: "ACCESS EXCLUSIVE on the table, while the index is built", Blocks: "reads and writes", Versions: "all",
		Why: "An exclusion constraint is an index, which cannot be built beforehand and taken over, and there is no NOT VALID for it.",
		Bad: `def change do
  create constraint(:bookings, :no_overlap, exclude: ~s|gist (room WITH =, during WITH &&)|)
end`,
		Good: `def change do
  create table(:bookings) do
    add :room, :integer
    add :during, :tsrange
  end

  create constraint(:bookings, :no_overlap, exclude: ~s|gist (room WITH =, during WITH &&)|)
end`,
		Steps: []string{"make it with the table, or while nobody needs the table, with a lock_timeout"},
		See:   []string{pgConstraint + "#DDL-CONSTRAINTS-EXCLUSION"},
	},
	"fk-modify-swap": {
		Lock: "ACCESS EXCLUSIVE on the table and on the one the old key leads to, SHARE ROW EXCLUSIVE on the other, while every row is checked", Blocks: "reads and writes of both", Versions: "all",
		Why: "modify with references in from: drops the key and adds the new one in one statement, proven on every row. Dropping it and adding the new one as NOT VALID takes a moment.",
		Bad: `def change do
  alter table(:comments) do
    modify :post_id, references(:posts, on_delete: :delete_all), from: references(:posts)
  end
end`,
		Good: `# 20240101000000_swap.exs
def up do
  execute "ALTER TABLE comments DROP CONSTRAINT comments_post_id_fkey"

  execute """
  ALTER TABLE comments ADD CONSTRAINT comments_post_id_fkey
  FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE NOT VALID
  """
end

def down, do: :ok

# 20240102000000_validate.exs
def change do
  execute "ALTER TABLE comments VALIDATE CONSTRAINT comments_post_id_fkey", ""
end`,
		See: []string{pgAlter + "#SQL-ALTERTABLE-NOTES"},
	},
	"fk-drop-locks-both": {
		Lock: "ACCESS EXCLUSIVE on the table and on the one the key leads to", Blocks: "reads and writes of both, as long as it waits for its turn", Versions: "all",
		Why: "A foreign key has triggers on both tables, and to drop it both are locked. The table that it leads to is often the busiest there is: while the statement waits there, all its queries wait behind it. With a lock_timeout the wait ends, and this is only a remark.",
		Bad: `# 20240101000000_tables.exs
def change do
  create table(:posts)

  create table(:comments) do
    add :post_id, references(:posts)
  end

  create index(:comments, [:post_id])
end

# 20240102000000_drop.exs
def up do
  drop constraint(:comments, "comments_post_id_fkey")
end

def down, do: :ok`,
		Good: `# 20240101000000_tables.exs
def change do
  create table(:posts)

  create table(:comments) do
    add :post_id, references(:posts)
  end

  create index(:comments, [:post_id])
end`,
		Steps: []string{"set a lock_timeout and try again when it ends the wait", "where a table with several keys is dropped, drop them one by one first"},
		See:   []string{pgLocks, pgClient + "#GUC-LOCK-TIMEOUT"},
	},
	"fk-not-valid-partitioned": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "before 18",
		Why: "Before version 18 a partitioned table cannot have a foreign key that is NOT VALID.",
		Bad: `# 20240101000000_events.exs
def change do
  create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
    add :at, :utc_datetime
    add :user_id, :bigint
  end
end

# 20240102000000_key.exs
def change do
  execute "ALTER TABLE events ADD CONSTRAINT user_fkey FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID",
          "ALTER TABLE events DROP CONSTRAINT user_fkey"
end`,
		Good: `# 20240101000000_events.exs
def change do
  create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
    add :at, :utc_datetime
    add :user_id, :bigint
  end
end

# 20240102000000_key.exs
def change do
  execute "ALTER TABLE events_2024 ADD CONSTRAINT user_fkey FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID",
          "ALTER TABLE events_2024 DROP CONSTRAINT user_fkey"
end

# 20240103000000_validate.exs
def change do
  execute "ALTER TABLE events_2024 VALIDATE CONSTRAINT user_fkey", ""
end`,
		See: []string{pgPartitions, pgAlter},
	},
	"fk-reference-type": {
		Lock: "none: it fails", Blocks: "nothing", Versions: "all",
		Why: "A foreign key needs an operator that compares its column with the one it leads to. references makes a bigint unless it is told otherwise or the repo is configured so; a bigint and a uuid cannot be compared (42804).",
		Bad: `# 20240101000000_users.exs
def change do
  create table(:users, primary_key: false) do
    add :id, :binary_id, primary_key: true
  end
end

# 20240102000000_posts.exs
def change do
  create table(:posts) do
    add :user_id, references(:users)
  end
end`,
		Good: `# 20240101000000_users.exs
def change do
  create table(:users, primary_key: false) do
    add :id, :binary_id, primary_key: true
  end
end

# 20240102000000_posts.exs
def change do
  create table(:posts) do
    add :user_id, references(:users, type: :binary_id)
  end
end`,
		See: []string{ectoMigrate + "#references/2", ectoMigrate + "#module-repo-configuration"},
	},
}
