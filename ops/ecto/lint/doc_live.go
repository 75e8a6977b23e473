package lint

// liveDocs is what is said of the rules that need a database.
var liveDocs = map[string]Doc{
	"out-of-order": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why:   "A migration that is older than the last one that ran, as from a branch that was merged late, runs all the same, but other databases run it in another order, and a rollback takes the highest version back, not the last that ran. With strict_version_order Ecto raises.",
		Steps: []string{"give the file a later version before it runs anywhere"},
		See:   []string{ectoMigrator + "#run/4", "https://github.com/elixir-ecto/ecto/issues/2614"},
	},
	"file-not-found": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "The database says that a version ran of which there is no file: it is on another branch, in another directory, of another repo, or was deleted. Versions that a structure dump contains are no finding. Such a migration cannot be rolled back.",
		See: []string{"https://github.com/elixir-ecto/ecto/issues/2951"},
	},
	"edited-after-applied": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "Ecto keeps no checksum: a file that changes after it ran changes nothing here and everything on the next new database. It is told by when version control says that the file last changed.",
		See: []string{ectoMigrator},
	},
	"invalid-index": {
		Lock: "none", Blocks: "nothing", Versions: "all",
		Why: "A concurrent build that failed leaves its index behind: writes keep it up, no query uses it, and IF NOT EXISTS takes it for a good one.",
		Good: `@disable_ddl_transaction true

def up do
  drop_if_exists index(:posts, [:title], concurrently: true)
  create index(:posts, [:title], concurrently: true)
end

def down, do: :ok`,
		See: []string{pgIndex + "#SQL-CREATEINDEX-CONCURRENTLY"},
	},
	"long-tx-on-table": {
		Lock: "the one that the migration wants", Blocks: "everything that comes after it on that table", Versions: "all",
		Why: "A transaction is open now that holds a lock on the table, or, for a concurrent build, any snapshot. The migration would wait for it, and others behind the migration. From a minute on, without a lock_timeout, it is an error.",
		See: []string{pgLocks, "https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW"},
	},
	"autovacuum-wraparound": {
		Lock: "SHARE UPDATE EXCLUSIVE, of autovacuum", Blocks: "the migration", Versions: "all",
		Why: "Autovacuum gives way to whoever wants its table, but not when it prevents wraparound. A migration waits until it is done, hours for a large table, and all others wait behind the migration.",
		See: []string{"https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND"},
	},
	"replica-lag": {
		Lock: "none", Blocks: "replicas: what is written here has to be written there", Versions: "all",
		Why: "A rewrite, an index or a large update is sent to the replicas whole. One that is behind already falls further behind, and readers there see old rows.",
		See: []string{"https://www.postgresql.org/docs/current/warm-standby.html"},
	},
	"disk-headroom": {
		Lock: "none", Blocks: "everything, when the disk is full", Versions: "all",
		Why: "A rewrite makes a second copy of the table and its indexes before the first goes, and about as much WAL. PostgreSQL stops when it cannot write its WAL. It is an error where less is free than half of what it may need.",
		See: []string{"https://www.postgresql.org/docs/current/disk-full.html"},
	},
}
