package lint

import "ops-console/ops/ecto"

// columnRules are those about columns.
var columnRules = []rule{
	{
		Rule:  Rule{ID: "add-column-volatile-default", Title: "a default that differs by row has the table written again", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).addVolatileDefault,
	},
	{
		Rule:  Rule{ID: "add-column-default-pg10", Title: "before version 11 a default has the table written again", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).addDefaultPG10,
	},
	{
		Rule:  Rule{ID: "add-column-serial", Title: "a serial or identity column has the table written again", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).addSerial,
	},
	{
		Rule:  Rule{ID: "add-column-generated-stored", Title: "a stored generated column has the table written again", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).addGenerated,
	},
	{
		Rule:  Rule{ID: "add-column-constrained-domain", Title: "a column of a domain with a check has the table written again", Severity: Warning, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).addDomain,
	},
	{
		Rule:  Rule{ID: "add-not-null-no-default", Title: "rows that are there have no value for the new column", Severity: Error, Group: "columns"},
		eases: byRows, kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).addNotNull,
	},
	{
		Rule:  Rule{ID: "add-column-references", Title: "a new foreign key is checked while the table is locked", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AddConstraint}, each: (*site).addReferences,
	},
	{
		Rule:  Rule{ID: "create-table-references", Title: "a new table's foreign key locks writes out of the table it leads to", Severity: Warning, Group: "columns"},
		eases: bySize, file: (*pass).createTableReferences,
	},
	{
		Rule:  Rule{ID: "modify-type-rewrite", Title: "a change of type has the table written again", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.ModifyColumn, ecto.AlterType}, each: (*site).modifyRewrites,
	},
	{
		Rule:  Rule{ID: "modify-implicit-type", Title: "modify also changes the type, and what depends on it pays", Severity: Warning, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.ModifyColumn}, each: (*site).modifyImplicit,
	},
	{
		Rule:  Rule{ID: "set-not-null", Title: "every row is looked at for a null under an exclusive lock", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.ModifyColumn, ecto.SetNotNull}, each: (*site).setNotNull,
	},
	{
		Rule:  Rule{ID: "drop-not-null", Title: "a column may be null from now on", Severity: Info, Group: "columns"},
		eases: inUse, kinds: []ecto.Kind{ecto.ModifyColumn, ecto.DropNotNull}, each: (*site).dropNotNull,
	},
	{
		Rule:  Rule{ID: "remove-column", Title: "the running code still selects a column that goes", Severity: Error, Group: "columns"},
		eases: inUse, byName: true, kinds: []ecto.Kind{ecto.RemoveColumn}, each: (*site).removeColumn,
	},
	{
		Rule:  Rule{ID: "remove-column-dependents", Title: "what uses a column goes with it", Severity: Warning, Group: "columns"},
		eases: inUse, byName: true, kinds: []ecto.Kind{ecto.RemoveColumn}, each: (*site).removeDependents,
	},
	{
		Rule:  Rule{ID: "rename-column", Title: "the running code does not know the column's new name", Severity: Error, Group: "columns"},
		eases: inUse, byName: true, kinds: []ecto.Kind{ecto.RenameColumn}, each: (*site).renameColumn,
	},
	{
		Rule:  Rule{ID: "add-primary-key", Title: "a primary key's index is built under an exclusive lock", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AddConstraint}, each: (*site).addPrimaryKey,
	},
	{
		Rule:  Rule{ID: "add-unique-constraint", Title: "a unique constraint's index is built under an exclusive lock", Severity: Error, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddConstraint}, each: (*site).addUniqueConstraint,
	},
	{
		Rule:  Rule{ID: "pk-using-index-nullable", Title: "a key's column may be null, and all rows are looked at", Severity: Warning, Group: "columns"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddConstraint}, each: (*site).keyOfNullable,
	},
	{
		Rule:  Rule{ID: "json-column", Title: "json has no equality: DISTINCT, GROUP BY and UNION fail", Severity: Info, Group: "columns"},
		kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AlterType}, each: (*site).jsonColumn,
	},
	{
		Rule:  Rule{ID: "style-integer-key", Title: "a key of four bytes ends at 2,147,483,647", Severity: Off, Group: "style"},
		kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).styleIntegerKey,
	},
	{
		Rule:  Rule{ID: "style-varchar", Title: "varchar(n) instead of text with a check", Severity: Off, Group: "style"},
		kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn}, each: (*site).styleVarchar,
	},
	{
		Rule:  Rule{ID: "style-char", Title: "char(n) is padded with blanks", Severity: Off, Group: "style"},
		kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AlterType}, each: (*site).styleChar,
	},
	{
		Rule:  Rule{ID: "style-naive-timestamp", Title: "a timestamp without a time zone", Severity: Off, Group: "style"},
		kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AlterType}, each: (*site).styleNaive,
	},
	{
		Rule:  Rule{ID: "style-serial", Title: "serial instead of an identity column", Severity: Off, Group: "style"},
		kinds: []ecto.Kind{ecto.AddColumn}, each: (*site).styleSerial,
	},
}
