package lint

import "ops-console/ops/ecto"

// tableRules are those about tables and other objects of the schema.
var tableRules = []rule{
	{
		Rule:  Rule{ID: "drop-table", Title: "a table is dropped", Severity: Error, Group: "tables"},
		eases: inUse, byName: true, kinds: []ecto.Kind{ecto.DropTable}, each: (*site).dropTable,
	},
	{
		Rule:  Rule{ID: "drop-cascade", Title: "CASCADE drops what is not named", Severity: Error, Group: "tables"},
		eases: inUse, kinds: []ecto.Kind{
			ecto.DropTable, ecto.DropType, ecto.DropSchema, ecto.DropView, ecto.DropConstraint, ecto.RemoveColumn, ecto.Drop,
		}, each: (*site).dropCascade,
	},
	{
		Rule:  Rule{ID: "truncate", Title: "a table is emptied", Severity: Error, Group: "tables"},
		eases: byRows, kinds: []ecto.Kind{ecto.Truncate}, each: func(s *site) { s.truncate(false) },
	},
	{
		Rule:  Rule{ID: "truncate-cascade", Title: "a table is emptied, and those that refer to it", Severity: Error, Group: "tables"},
		eases: byRows, kinds: []ecto.Kind{ecto.Truncate}, each: func(s *site) { s.truncate(true) },
	},
	{
		Rule:  Rule{ID: "rename-table", Title: "a table gets another name", Severity: Error, Group: "tables"},
		eases: inUse, byName: true, kinds: []ecto.Kind{ecto.RenameTable}, each: (*site).renameTable,
	},
	{
		Rule:  Rule{ID: "set-schema", Title: "a table goes to another schema", Severity: Error, Group: "tables"},
		eases: inUse, byName: true, kinds: []ecto.Kind{ecto.SetSchema}, each: (*site).renameTable,
	},
	{
		Rule:  Rule{ID: "rename-schema", Title: "a schema gets another name", Severity: Error, Group: "tables"},
		kinds: []ecto.Kind{ecto.RenameSchema}, each: (*site).renameSchema,
	},
	{
		Rule:  Rule{ID: "partition-create-of", Title: "a partition is created under a lock on its parent", Severity: Warning, Group: "tables"},
		eases: inUse, kinds: []ecto.Kind{ecto.CreatePartition}, each: (*site).createPartition,
	},
	{
		Rule:  Rule{ID: "partition-detach", Title: "a partition is detached under a lock on its parent", Severity: Warning, Group: "tables"},
		eases: inUse, kinds: []ecto.Kind{ecto.DetachPartition}, each: (*site).detachPartition,
	},
	{
		Rule:  Rule{ID: "partition-attach-scan", Title: "a partition is read whole while it is attached", Severity: Warning, Group: "tables"},
		eases: bySize, kinds: []ecto.Kind{ecto.AttachPartition}, each: (*site).attachPartition,
	},
	{
		Rule:  Rule{ID: "rewrite-misc", Title: "a table is written again while reads and writes wait", Severity: Error, Group: "tables"},
		eases: bySize, kinds: []ecto.Kind{ecto.RewriteTable}, each: (*site).rewriteMisc,
	},
	{
		Rule:  Rule{ID: "enum-value-same-tx", Title: "a new value of an enum is used in the transaction that adds it", Severity: Error, Group: "tables"},
		kinds: []ecto.Kind{ecto.AddEnumValue}, each: (*site).enumValueSameTx,
	},
	{
		Rule:  Rule{ID: "enum-rename", Title: "a value of an enum gets another name", Severity: Warning, Group: "tables"},
		kinds: []ecto.Kind{ecto.RenameEnumValue}, each: (*site).enumRename,
	},
	{
		Rule:  Rule{ID: "enum-remove", Title: "a value of an enum is deleted from the catalog", Severity: Warning, Group: "tables"},
		kinds: []ecto.Kind{ecto.Delete}, each: (*site).enumRemove,
	},
	{
		Rule:  Rule{ID: "enum-order", Title: "a new value of an enum sorts behind all others", Severity: Info, Group: "tables"},
		kinds: []ecto.Kind{ecto.AddEnumValue}, each: (*site).enumOrder,
	},
	{
		Rule:  Rule{ID: "enum-create", Title: "values of an enum cannot be taken away again", Severity: Off, Group: "tables"},
		kinds: []ecto.Kind{ecto.CreateType}, each: (*site).enumCreate,
	},
	{
		Rule:  Rule{ID: "matview-refresh", Title: "a materialized view is filled while its readers wait", Severity: Warning, Group: "tables"},
		kinds: []ecto.Kind{ecto.RefreshMatview}, each: (*site).refreshMatview,
	},
	{
		Rule:  Rule{ID: "view-type-dependency", Title: "a view depends on a column that changes or goes", Severity: Error, Group: "tables"},
		kinds: []ecto.Kind{ecto.ModifyColumn, ecto.AlterType, ecto.RemoveColumn}, each: (*site).viewDepends,
	},
	{
		Rule:  Rule{ID: "rls-enable", Title: "row level security without a policy hides every row", Severity: Warning, Group: "tables"},
		eases: inUse, kinds: []ecto.Kind{ecto.RowSecurity}, each: (*site).rowSecurity,
	},
	{
		Rule:  Rule{ID: "policy", Title: "a policy changes which rows are seen", Severity: Warning, Group: "tables"},
		eases: inUse, kinds: []ecto.Kind{ecto.CreatePolicy}, each: (*site).policy,
	},
	{
		Rule:  Rule{ID: "trigger-ddl", Title: "a trigger is made, dropped or switched under a lock", Severity: Warning, Group: "tables"},
		eases: inUse, kinds: []ecto.Kind{ecto.CreateTrigger, ecto.DropTrigger, ecto.SetTrigger}, each: (*site).trigger,
	},
	{
		Rule:  Rule{ID: "extension", Title: "an extension needs what the migrating role may lack", Severity: Info, Group: "tables"},
		kinds: []ecto.Kind{ecto.CreateExtension}, each: (*site).extension,
	},
	{
		Rule:  Rule{ID: "role", Title: "privileges and roles are the server's, not the application's", Severity: Info, Group: "tables"},
		kinds: []ecto.Kind{ecto.Grant}, each: (*site).role,
	},
	{
		Rule:  Rule{ID: "system", Title: "a setting of the server is changed by a migration", Severity: Info, Group: "tables"},
		kinds: []ecto.Kind{ecto.System}, each: (*site).system,
	},
}
