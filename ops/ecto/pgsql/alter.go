package pgsql

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"ops-console/ops/ecto"
)

// alterTable is one operation for each subcommand, and those of its columns' constraints.
func alterTable(s *pg.AlterTableStmt) []ecto.Operation {
	if t := s.GetObjtype(); t != pg.ObjectType_OBJECT_TABLE && t != pg.ObjectType_OBJECT_INDEX {
		return []ecto.Operation{{Kind: ecto.OtherSQL, Name: relation(s.GetRelation())}}
	}
	base := ecto.Operation{Table: relation(s.GetRelation()), IfExists: s.GetMissingOk(), Only: !s.GetRelation().GetInh()}
	if s.GetObjtype() == pg.ObjectType_OBJECT_INDEX {
		base.Name, base.Table = base.Table, ecto.Name{}
	}
	var out []ecto.Operation
	for _, n := range s.GetCmds() {
		out = append(out, subcommand(base, n.GetAlterTableCmd())...)
	}
	return out
}

// plain are the subcommands that are about one column and nothing else.
var plain = map[pg.AlterTableType]ecto.Kind{
	pg.AlterTableType_AT_DropColumn:     ecto.RemoveColumn,
	pg.AlterTableType_AT_SetNotNull:     ecto.SetNotNull,
	pg.AlterTableType_AT_DropNotNull:    ecto.DropNotNull,
	pg.AlterTableType_AT_AddIdentity:    ecto.AddIdentity,
	pg.AlterTableType_AT_SetIdentity:    ecto.AlterColumn,
	pg.AlterTableType_AT_DropIdentity:   ecto.AlterColumn,
	pg.AlterTableType_AT_SetStatistics:  ecto.AlterColumn,
	pg.AlterTableType_AT_SetStorage:     ecto.AlterColumn,
	pg.AlterTableType_AT_SetCompression: ecto.AlterColumn,
	pg.AlterTableType_AT_SetOptions:     ecto.AlterColumn,
	pg.AlterTableType_AT_ResetOptions:   ecto.AlterColumn,
	pg.AlterTableType_AT_DropExpression: ecto.AlterColumn,
	pg.AlterTableType_AT_SetExpression:  ecto.AlterColumn,
}

// whole are the subcommands that are about the table.
var whole = map[pg.AlterTableType]struct {
	kind ecto.Kind
	text string
}{
	pg.AlterTableType_AT_SetLogged:               {ecto.RewriteTable, "SET LOGGED"},
	pg.AlterTableType_AT_SetUnLogged:             {ecto.RewriteTable, "SET UNLOGGED"},
	pg.AlterTableType_AT_SetTableSpace:           {ecto.RewriteTable, "SET TABLESPACE"},
	pg.AlterTableType_AT_SetAccessMethod:         {ecto.RewriteTable, "SET ACCESS METHOD"},
	pg.AlterTableType_AT_EnableRowSecurity:       {ecto.RowSecurity, "ENABLE ROW LEVEL SECURITY"},
	pg.AlterTableType_AT_DisableRowSecurity:      {ecto.RowSecurity, "DISABLE ROW LEVEL SECURITY"},
	pg.AlterTableType_AT_ForceRowSecurity:        {ecto.RowSecurity, "FORCE ROW LEVEL SECURITY"},
	pg.AlterTableType_AT_NoForceRowSecurity:      {ecto.RowSecurity, "NO FORCE ROW LEVEL SECURITY"},
	pg.AlterTableType_AT_EnableTrig:              {ecto.SetTrigger, "ENABLE TRIGGER"},
	pg.AlterTableType_AT_EnableAlwaysTrig:        {ecto.SetTrigger, "ENABLE ALWAYS TRIGGER"},
	pg.AlterTableType_AT_EnableReplicaTrig:       {ecto.SetTrigger, "ENABLE REPLICA TRIGGER"},
	pg.AlterTableType_AT_EnableTrigAll:           {ecto.SetTrigger, "ENABLE TRIGGER ALL"},
	pg.AlterTableType_AT_EnableTrigUser:          {ecto.SetTrigger, "ENABLE TRIGGER USER"},
	pg.AlterTableType_AT_DisableTrig:             {ecto.SetTrigger, "DISABLE TRIGGER"},
	pg.AlterTableType_AT_DisableTrigAll:          {ecto.SetTrigger, "DISABLE TRIGGER ALL"},
	pg.AlterTableType_AT_DisableTrigUser:         {ecto.SetTrigger, "DISABLE TRIGGER USER"},
	pg.AlterTableType_AT_SetRelOptions:           {ecto.AlterTable, "SET ()"},
	pg.AlterTableType_AT_ResetRelOptions:         {ecto.AlterTable, "RESET ()"},
	pg.AlterTableType_AT_ReplicaIdentity:         {ecto.AlterTable, "REPLICA IDENTITY"},
	pg.AlterTableType_AT_ChangeOwner:             {ecto.AlterTable, "OWNER TO"},
	pg.AlterTableType_AT_ClusterOn:               {ecto.AlterTable, "CLUSTER ON"},
	pg.AlterTableType_AT_AddInherit:              {ecto.AlterTable, "INHERIT"},
	pg.AlterTableType_AT_DropInherit:             {ecto.AlterTable, "NO INHERIT"},
	pg.AlterTableType_AT_DetachPartitionFinalize: {ecto.AlterTable, "DETACH PARTITION FINALIZE"},
}

func subcommand(o ecto.Operation, c *pg.AlterTableCmd) []ecto.Operation {
	o.Cascade = cascades(c.GetBehavior())
	if k, ok := plain[c.GetSubtype()]; ok {
		o.Kind, o.Column, o.IfExists = k, ecto.Column{Name: c.GetName()}, c.GetMissingOk()
		if k == ecto.AlterColumn {
			o.Expression = strings.TrimPrefix(c.GetSubtype().String(), "AT_")
		}
		return []ecto.Operation{o}
	}
	if w, ok := whole[c.GetSubtype()]; ok {
		o.Kind, o.Expression, o.Name = w.kind, w.text, name(o.Name, c.GetName())
		return []ecto.Operation{o}
	}
	switch c.GetSubtype() {
	case pg.AlterTableType_AT_AddColumn:
		o.Kind, o.IfNotExists = ecto.AddColumn, c.GetMissingOk()
		var more []ecto.Operation
		o.Column, more = column(o.Table, c.GetDef().GetColumnDef())
		return append([]ecto.Operation{o}, more...)
	case pg.AlterTableType_AT_AlterColumnType:
		d := c.GetDef().GetColumnDef()
		o.Kind, o.Column = ecto.AlterType, ecto.Column{Name: c.GetName(), Type: typeName(d.GetTypeName())}
		o.Using = expression(d.GetRawDefault())
	case pg.AlterTableType_AT_ColumnDefault:
		o.Kind, o.Column = ecto.SetDefault, ecto.Column{Name: c.GetName()}
		if c.GetDef() == nil {
			o.Kind = ecto.DropDefault
			break
		}
		o.Column.Default = defaultOf(c.GetDef())
	case pg.AlterTableType_AT_AddConstraint:
		k := constraint(o.Table, c.GetDef().GetConstraint())
		k.Only, k.IfExists = o.Only, o.IfExists
		o = k
	case pg.AlterTableType_AT_DropConstraint:
		o.Kind, o.Name, o.IfExists = ecto.DropConstraint, ecto.Name{Name: c.GetName()}, c.GetMissingOk()
	case pg.AlterTableType_AT_ValidateConstraint:
		o.Kind, o.Name = ecto.Validate, ecto.Name{Name: c.GetName()}
	case pg.AlterTableType_AT_AttachPartition:
		o.Kind, o.To = ecto.AttachPartition, relation(c.GetDef().GetPartitionCmd().GetName())
		if o.Name.Name != "" {
			o.Kind = ecto.AttachIndex
		}
	case pg.AlterTableType_AT_DetachPartition:
		p := c.GetDef().GetPartitionCmd()
		o.Kind, o.To, o.Concurrent = ecto.DetachPartition, relation(p.GetName()), p.GetConcurrent()
	default:
		o.Kind = ecto.AlterTable
		o.Expression = strings.TrimPrefix(c.GetSubtype().String(), "AT_")
	}
	return []ecto.Operation{o}
}

// name is the one that a subcommand says, or else the one of the object itself.
func name(own ecto.Name, said string) ecto.Name {
	if said == "" {
		return own
	}
	return ecto.Name{Name: said}
}
