package pgsql

import (
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"ops-console/ops/ecto"
)

// single is a statement that is one operation.
func single(n *pg.Node) ecto.Operation {
	switch s := n.GetNode().(type) {
	case *pg.Node_IndexStmt:
		return index(s.IndexStmt)
	case *pg.Node_ReindexStmt:
		return reindex(s.ReindexStmt)
	case *pg.Node_RenameStmt:
		return rename(s.RenameStmt)
	case *pg.Node_AlterObjectSchemaStmt:
		return setSchema(s.AlterObjectSchemaStmt)
	case *pg.Node_CreateTableAsStmt:
		kind := ecto.CreateTableAs
		if s.CreateTableAsStmt.GetObjtype() == pg.ObjectType_OBJECT_MATVIEW {
			kind = ecto.CreateMatview
		}
		t := relation(s.CreateTableAsStmt.GetInto().GetRel())
		return ecto.Operation{Kind: kind, Table: t, Name: t, IfNotExists: s.CreateTableAsStmt.GetIfNotExists()}
	case *pg.Node_RefreshMatViewStmt:
		r := s.RefreshMatViewStmt
		return ecto.Operation{Kind: ecto.RefreshMatview, Name: relation(r.GetRelation()), Concurrent: r.GetConcurrent()}
	case *pg.Node_ViewStmt:
		return ecto.Operation{Kind: ecto.CreateView, Name: relation(s.ViewStmt.GetView())}
	case *pg.Node_ClusterStmt:
		return ecto.Operation{Kind: ecto.RewriteTable, Table: relation(s.ClusterStmt.GetRelation()), Expression: "CLUSTER"}
	case *pg.Node_CreateTrigStmt:
		t := s.CreateTrigStmt
		return ecto.Operation{Kind: ecto.CreateTrigger, Table: relation(t.GetRelation()), Name: ecto.Name{Name: t.GetTrigname()}}
	case *pg.Node_CreatePolicyStmt:
		p := s.CreatePolicyStmt
		return ecto.Operation{Kind: ecto.CreatePolicy, Table: relation(p.GetTable()), Name: ecto.Name{Name: p.GetPolicyName()}}
	case *pg.Node_CreateEnumStmt:
		return ecto.Operation{Kind: ecto.CreateType, Name: qualified(s.CreateEnumStmt.GetTypeName()), Expression: "ENUM"}
	case *pg.Node_CompositeTypeStmt:
		return ecto.Operation{Kind: ecto.CreateType, Name: relation(s.CompositeTypeStmt.GetTypevar())}
	case *pg.Node_CreateRangeStmt:
		return ecto.Operation{Kind: ecto.CreateType, Name: qualified(s.CreateRangeStmt.GetTypeName()), Expression: "RANGE"}
	case *pg.Node_CreateDomainStmt:
		d := s.CreateDomainStmt
		return ecto.Operation{Kind: ecto.CreateDomain, Name: qualified(d.GetDomainname()), Column: ecto.Column{Type: typeName(d.GetTypeName())}, Constraint: domainCheck(d)}
	case *pg.Node_AlterEnumStmt:
		e := s.AlterEnumStmt
		if e.GetOldVal() != "" {
			return ecto.Operation{Kind: ecto.RenameEnumValue, Name: qualified(e.GetTypeName()), Expression: e.GetOldVal(), To: ecto.Name{Name: e.GetNewVal()}}
		}
		return ecto.Operation{Kind: ecto.AddEnumValue, Name: qualified(e.GetTypeName()), Expression: e.GetNewVal(), IfNotExists: e.GetSkipIfNewValExists()}
	case *pg.Node_CreateExtensionStmt:
		return ecto.Operation{Kind: ecto.CreateExtension, Name: ecto.Name{Name: s.CreateExtensionStmt.GetExtname()}, IfNotExists: s.CreateExtensionStmt.GetIfNotExists()}
	case *pg.Node_CreateSchemaStmt:
		return ecto.Operation{Kind: ecto.CreateSchema, Name: ecto.Name{Name: s.CreateSchemaStmt.GetSchemaname()}, IfNotExists: s.CreateSchemaStmt.GetIfNotExists()}
	case *pg.Node_CreateFunctionStmt:
		return ecto.Operation{Kind: ecto.CreateFunction, Name: qualified(s.CreateFunctionStmt.GetFuncname())}
	case *pg.Node_CreateSeqStmt:
		return ecto.Operation{Kind: ecto.CreateSequence, Name: relation(s.CreateSeqStmt.GetSequence())}
	case *pg.Node_DoStmt:
		return ecto.Operation{Kind: ecto.Do}
	case *pg.Node_CommentStmt:
		return comment(s.CommentStmt)
	case *pg.Node_CopyStmt:
		return ecto.Operation{Kind: ecto.Copy, Table: relation(s.CopyStmt.GetRelation())}
	case *pg.Node_InsertStmt:
		i := s.InsertStmt
		o := ecto.Operation{Kind: ecto.Insert, Table: relation(i.GetRelation())}
		if from := i.GetSelectStmt().GetSelectStmt(); from != nil && len(from.GetValuesLists()) == 0 {
			o.Expression = "SELECT"
		}
		return o
	case *pg.Node_UpdateStmt:
		return ecto.Operation{Kind: ecto.Update, Table: relation(s.UpdateStmt.GetRelation()), Where: expression(s.UpdateStmt.GetWhereClause())}
	case *pg.Node_DeleteStmt:
		return ecto.Operation{Kind: ecto.Delete, Table: relation(s.DeleteStmt.GetRelation()), Where: expression(s.DeleteStmt.GetWhereClause())}
	case *pg.Node_SelectStmt:
		return ecto.Operation{Kind: ecto.Select, Table: firstTable(s.SelectStmt)}
	case *pg.Node_VariableSetStmt:
		return set(s.VariableSetStmt)
	case *pg.Node_TransactionStmt:
		return ecto.Operation{Kind: ecto.Transaction, Expression: strings.TrimPrefix(s.TransactionStmt.GetKind().String(), "TRANS_STMT_")}
	case *pg.Node_AlterSystemStmt:
		o := set(s.AlterSystemStmt.GetSetstmt())
		o.Kind = ecto.System
		return o
	case *pg.Node_AlterDatabaseSetStmt:
		o := set(s.AlterDatabaseSetStmt.GetSetstmt())
		o.Kind, o.Name = ecto.System, ecto.Name{Name: s.AlterDatabaseSetStmt.GetDbname()}
		return o
	case *pg.Node_AlterRoleSetStmt:
		o := set(s.AlterRoleSetStmt.GetSetstmt())
		o.Kind, o.Name = ecto.System, ecto.Name{Name: s.AlterRoleSetStmt.GetRole().GetRolename()}
		return o
	case *pg.Node_GrantStmt, *pg.Node_GrantRoleStmt, *pg.Node_AlterDefaultPrivilegesStmt, *pg.Node_CreateRoleStmt, *pg.Node_AlterRoleStmt, *pg.Node_DropRoleStmt:
		return ecto.Operation{Kind: ecto.Grant}
	}
	return ecto.Operation{Kind: ecto.OtherSQL}
}

// comment is about a table where the object is one or a part of one.
func comment(s *pg.CommentStmt) ecto.Operation {
	o := ecto.Operation{Kind: ecto.Comment, Name: object(s.GetObject())}
	parts := s.GetObject().GetList().GetItems()
	switch s.GetObjtype() {
	case pg.ObjectType_OBJECT_TABLE:
		o.Table = o.Name
	case pg.ObjectType_OBJECT_COLUMN, pg.ObjectType_OBJECT_TABCONSTRAINT, pg.ObjectType_OBJECT_TRIGGER, pg.ObjectType_OBJECT_POLICY:
		if n := len(parts); n > 1 {
			o.Table, o.Name = qualified(parts[:n-1]), ecto.Name{Name: parts[n-1].GetString_().GetSval()}
		}
	}
	return o
}

func domainCheck(d *pg.CreateDomainStmt) ecto.ConstraintKind {
	for _, n := range d.GetConstraints() {
		if n.GetConstraint().GetContype() == pg.ConstrType_CONSTR_CHECK {
			return ecto.Check
		}
	}
	return ""
}

func index(s *pg.IndexStmt) ecto.Operation {
	o := ecto.Operation{
		Kind: ecto.CreateIndex, Table: relation(s.GetRelation()), Name: ecto.Name{Name: s.GetIdxname()}, Unique: s.GetUnique(),
		Concurrent: s.GetConcurrent(), IfNotExists: s.GetIfNotExists(), Only: !s.GetRelation().GetInh(), Using: s.GetAccessMethod(),
		Where: expression(s.GetWhereClause()),
	}
	for _, n := range s.GetIndexParams() {
		e := n.GetIndexElem()
		o.Columns = append(o.Columns, ecto.IndexColumn{Name: e.GetName(), Expression: expression(e.GetExpr()), Suffix: suffix(e)})
	}
	for _, n := range s.GetIndexIncludingParams() {
		o.Include = append(o.Include, n.GetIndexElem().GetName())
	}
	return o
}

// suffix is what stands behind a column of an index.
func suffix(e *pg.IndexElem) string {
	words := stringsOf(e.GetOpclass())
	if len(words) > 0 {
		words = []string{strings.Join(words, ".")}
	}
	if e.GetOrdering() == pg.SortByDir_SORTBY_DESC {
		words = append(words, "DESC")
	}
	switch e.GetNullsOrdering() {
	case pg.SortByNulls_SORTBY_NULLS_FIRST:
		words = append(words, "NULLS FIRST")
	case pg.SortByNulls_SORTBY_NULLS_LAST:
		words = append(words, "NULLS LAST")
	}
	return strings.Join(words, " ")
}

func reindex(s *pg.ReindexStmt) ecto.Operation {
	o := ecto.Operation{Kind: ecto.Reindex, Concurrent: option(s.GetParams(), "concurrently")}
	switch s.GetKind() {
	case pg.ReindexObjectType_REINDEX_OBJECT_INDEX:
		o.Name = relation(s.GetRelation())
	case pg.ReindexObjectType_REINDEX_OBJECT_TABLE:
		o.Table = relation(s.GetRelation())
	default:
		o.Name = ecto.Name{Name: s.GetName()}
	}
	return o
}

// option says whether a list of options has one, and has it on: said alone it is, and said as defGetBoolean of
// PostgreSQL's src/backend/commands/define.c takes it.
func option(nn []*pg.Node, name string) bool {
	for _, n := range nn {
		d := n.GetDefElem()
		if d.GetDefname() != name {
			continue
		}
		switch a := d.GetArg(); {
		case a == nil:
			return true
		case a.GetInteger() != nil:
			return a.GetInteger().GetIval() != 0
		case a.GetBoolean() != nil:
			return a.GetBoolean().GetBoolval()
		default:
			s := strings.ToLower(a.GetString_().GetSval())
			return s == "true" || s == "on"
		}
	}
	return false
}

// renames are what can be renamed besides columns and constraints.
var renames = map[pg.ObjectType]ecto.Kind{
	pg.ObjectType_OBJECT_TABLE:  ecto.RenameTable,
	pg.ObjectType_OBJECT_INDEX:  ecto.RenameIndex,
	pg.ObjectType_OBJECT_SCHEMA: ecto.RenameSchema,
}

func rename(s *pg.RenameStmt) ecto.Operation {
	o := ecto.Operation{Table: relation(s.GetRelation()), IfExists: s.GetMissingOk(), Cascade: cascades(s.GetBehavior())}
	to := ecto.Name{Prefix: s.GetRelation().GetSchemaname(), Name: s.GetNewname()}
	switch s.GetRenameType() {
	case pg.ObjectType_OBJECT_COLUMN:
		if s.GetRelationType() != pg.ObjectType_OBJECT_TABLE {
			o.Kind = ecto.OtherSQL
			return o
		}
		o.Kind, o.Column, o.ToColumn = ecto.RenameColumn, ecto.Column{Name: s.GetSubname()}, s.GetNewname()
		return o
	case pg.ObjectType_OBJECT_TABCONSTRAINT:
		o.Kind, o.Name, o.To = ecto.RenameConstr, ecto.Name{Name: s.GetSubname()}, ecto.Name{Name: s.GetNewname()}
		return o
	}
	kind, ok := renames[s.GetRenameType()]
	if !ok {
		return ecto.Operation{Kind: ecto.OtherSQL}
	}
	o.Kind, o.To = kind, to
	switch kind {
	case ecto.RenameIndex:
		o.Name, o.Table = o.Table, ecto.Name{}
	case ecto.RenameSchema:
		o.Name, o.Table = ecto.Name{Name: s.GetSubname()}, ecto.Name{}
	}
	return o
}

func setSchema(s *pg.AlterObjectSchemaStmt) ecto.Operation {
	if s.GetObjectType() != pg.ObjectType_OBJECT_TABLE {
		return ecto.Operation{Kind: ecto.OtherSQL, Name: object(s.GetObject())}
	}
	t := relation(s.GetRelation())
	return ecto.Operation{Kind: ecto.SetSchema, Table: t, To: ecto.Name{Prefix: s.GetNewschema(), Name: t.Name}}
}

// drops are what can be dropped and has a kind of its own.
var drops = map[pg.ObjectType]ecto.Kind{
	pg.ObjectType_OBJECT_TABLE:   ecto.DropTable,
	pg.ObjectType_OBJECT_INDEX:   ecto.DropIndex,
	pg.ObjectType_OBJECT_TYPE:    ecto.DropType,
	pg.ObjectType_OBJECT_SCHEMA:  ecto.DropSchema,
	pg.ObjectType_OBJECT_VIEW:    ecto.DropView,
	pg.ObjectType_OBJECT_MATVIEW: ecto.DropView,
	pg.ObjectType_OBJECT_TRIGGER: ecto.DropTrigger,
}

// drop is an operation for each object that a DROP names.
func drop(s *pg.DropStmt) []ecto.Operation {
	kind, ok := drops[s.GetRemoveType()]
	if !ok {
		kind = ecto.Drop
	}
	var out []ecto.Operation
	for _, n := range s.GetObjects() {
		o := ecto.Operation{Kind: kind, IfExists: s.GetMissingOk(), Cascade: cascades(s.GetBehavior()), Concurrent: s.GetConcurrent()}
		switch kind {
		case ecto.DropTable:
			o.Table = object(n)
		case ecto.DropTrigger:
			// TABLE, TRIGGER, with the table's schema before.
			words := stringsOf(n.GetList().GetItems())
			if len(words) > 0 {
				o.Name = ecto.Name{Name: words[len(words)-1]}
				o.Table = qualified(n.GetList().GetItems()[:len(words)-1])
			}
		default:
			o.Name = object(n)
		}
		if kind == ecto.Drop {
			o.Expression = strings.TrimPrefix(s.GetRemoveType().String(), "OBJECT_")
		}
		out = append(out, o)
	}
	return out
}

func vacuum(s *pg.VacuumStmt) []ecto.Operation {
	o := ecto.Operation{Kind: ecto.Analyze}
	if s.GetIsVacuumcmd() {
		o.Kind = ecto.Vacuum
		if option(s.GetOptions(), "full") {
			o.Kind, o.Expression = ecto.RewriteTable, "VACUUM FULL"
		}
	}
	var rels []*pg.Node
	for _, n := range s.GetRels() {
		rels = append(rels, &pg.Node{Node: &pg.Node_RangeVar{RangeVar: n.GetVacuumRelation().GetRelation()}})
	}
	return tables(o, rels)
}

// set is SET and RESET. A setting without a value is reset.
func set(s *pg.VariableSetStmt) ecto.Operation {
	o := ecto.Operation{Kind: ecto.Set, Setting: s.GetName(), Local: s.GetIsLocal()}
	if s.GetKind() == pg.VariableSetKind_VAR_RESET_ALL {
		o.Setting = "all"
	}
	var values []string
	for _, n := range s.GetArgs() {
		k := n.GetAConst()
		switch {
		case k.GetSval() != nil:
			values = append(values, k.GetSval().GetSval())
		case k.GetFval() != nil:
			values = append(values, k.GetFval().GetFval())
		case k.GetIval() != nil:
			values = append(values, strconv.Itoa(int(k.GetIval().GetIval())))
		default:
			values = append(values, expression(n))
		}
	}
	o.Expression = strings.Join(values, ", ")
	return o
}

// firstTable is the first table that a SELECT reads, of those that stand in its own FROM.
func firstTable(s *pg.SelectStmt) ecto.Name {
	for _, n := range s.GetFromClause() {
		for j := n.GetJoinExpr(); j != nil; j = n.GetJoinExpr() {
			n = j.GetLarg()
		}
		if r := n.GetRangeVar(); r != nil {
			return relation(r)
		}
	}
	return ecto.Name{}
}
