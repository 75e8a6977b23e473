package lint

import "ops-console/ops/ecto"

// indexRules are those about indexes.
var indexRules = []rule{
	{
		Rule:  Rule{ID: "index-not-concurrent", Title: "an index is built while writes wait", Severity: Error, Group: "indexes"},
		eases: bySize, kinds: []ecto.Kind{ecto.CreateIndex}, each: (*site).indexNotConcurrent,
	},
	{
		Rule:   Rule{ID: "index-concurrent-in-tx", Title: "CONCURRENTLY cannot run in a transaction", Severity: Error, Group: "indexes"},
		always: true, kinds: []ecto.Kind{ecto.CreateIndex, ecto.DropIndex, ecto.Reindex, ecto.DetachPartition}, each: (*site).indexConcurrentInTx,
	},
	{
		Rule:  Rule{ID: "index-concurrent-under-migration-lock", Title: "a concurrent build waits for the migrator's own lock, forever", Severity: Error, Group: "indexes"},
		kinds: []ecto.Kind{ecto.CreateIndex, ecto.Reindex}, each: (*site).indexUnderMigrationLock,
	},
	{
		Rule: Rule{ID: "migration-lock-disabled-race", Title: "two nodes may run the migration at once", Severity: Warning, Group: "indexes"},
		file: (*pass).migrationLockDisabled,
	},
	{
		Rule:  Rule{ID: "index-if-not-exists-invalid", Title: "IF NOT EXISTS keeps an invalid index of a build that failed", Severity: Warning, Group: "indexes"},
		eases: inUse, kinds: []ecto.Kind{ecto.CreateIndex}, each: (*site).indexIfNotExistsInvalid,
	},
	{
		Rule:  Rule{ID: "index-swap-same-migration", Title: "an index is dropped in the migration that builds its successor", Severity: Warning, Group: "indexes"},
		eases: inUse, file: (*pass).indexSwap,
	},
	{
		Rule:  Rule{ID: "index-drop-not-concurrent", Title: "dropping an index locks its table against reads and writes", Severity: Warning, Group: "indexes"},
		eases: bySize, kinds: []ecto.Kind{ecto.DropIndex}, each: (*site).indexDropNotConcurrent,
	},
	{
		Rule: Rule{ID: "nontx-multiple-operations", Title: "several statements without a transaction may be left half done", Severity: Warning, Group: "indexes"},
		file: (*pass).manyWithoutTransaction,
	},
	{
		Rule:  Rule{ID: "index-on-partitioned", Title: "an index of a partitioned table is built on all partitions at once", Severity: Warning, Group: "indexes"},
		eases: bySize, kinds: []ecto.Kind{ecto.CreateIndex}, each: (*site).indexOnPartitioned,
	},
	{
		Rule:  Rule{ID: "unique-index-data", Title: "a unique index fails on rows that are alike", Severity: Warning, Group: "indexes"},
		eases: byRows, each: (*site).uniqueIndexData,
		kinds: []ecto.Kind{ecto.CreateIndex, ecto.DropIndex, ecto.DropConstraint, ecto.RenameColumn, ecto.ModifyColumn, ecto.AlterType},
	},
	{
		Rule:  Rule{ID: "fk-missing-index", Title: "no index finds the rows of a foreign key", Severity: Warning, Group: "indexes"},
		eases: ofSize, byName: true, kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AddConstraint, ecto.DropIndex}, each: (*site).fkMissingIndex,
	},
	{
		Rule:  Rule{ID: "reindex-not-concurrent", Title: "an index is built again while writes wait", Severity: Warning, Group: "indexes"},
		eases: bySize, kinds: []ecto.Kind{ecto.Reindex}, each: (*site).reindexNotConcurrent,
	},
	{
		Rule: Rule{ID: "index-name-too-long", Title: "a name is cut at 63 bytes", Severity: Warning, Group: "indexes"},
		each: (*site).nameTooLong,
		kinds: []ecto.Kind{
			ecto.CreateTable, ecto.AddColumn, ecto.ModifyColumn, ecto.CreateIndex, ecto.AddConstraint, ecto.RenameTable, ecto.RenameColumn,
			ecto.RenameIndex, ecto.RenameConstr,
		},
	},
	{
		Rule:  Rule{ID: "index-too-wide", Title: "an index that is not unique has more than three columns", Severity: Off, Group: "style"},
		kinds: []ecto.Kind{ecto.CreateIndex}, each: (*site).indexTooWide,
	},
}
