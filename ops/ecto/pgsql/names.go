package pgsql

import (
	"strings"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v6"

	"ops-console/ops/ecto"
)

// relation is the name of a table, index, view or sequence.
func relation(r *pg.RangeVar) ecto.Name {
	return ecto.Name{Prefix: r.GetSchemaname(), Name: r.GetRelname()}
}

// qualified is a name that the grammar gives as a list of its parts.
func qualified(parts []*pg.Node) ecto.Name {
	words := stringsOf(parts)
	switch n := len(words); n {
	case 0:
		return ecto.Name{}
	case 1:
		return ecto.Name{Name: words[0]}
	default:
		return ecto.Name{Prefix: words[n-2], Name: words[n-1]}
	}
}

// object is a name in any of the shapes in which the grammar has it.
func object(n *pg.Node) ecto.Name {
	switch o := n.GetNode().(type) {
	case *pg.Node_List:
		return qualified(o.List.GetItems())
	case *pg.Node_String_:
		return ecto.Name{Name: o.String_.GetSval()}
	case *pg.Node_TypeName:
		return qualified(o.TypeName.GetNames())
	case *pg.Node_RangeVar:
		return relation(o.RangeVar)
	case *pg.Node_ObjectWithArgs:
		return qualified(o.ObjectWithArgs.GetObjname())
	}
	return ecto.Name{}
}

func stringsOf(nn []*pg.Node) []string {
	var out []string
	for _, n := range nn {
		if s := n.GetString_(); s != nil {
			out = append(out, s.GetSval())
		}
	}
	return out
}

// expression is the text of an expression, written as PostgreSQL does; empty where it cannot be.
func expression(n *pg.Node) string {
	if n == nil {
		return ""
	}
	return selected(n)
}

// typeName is a type as PostgreSQL writes it: varchar(255), bigint[], app.status.
func typeName(t *pg.TypeName) string {
	if t == nil {
		return ""
	}
	null := pg.MakeAConstIntNode(0, -1)
	s := selected(&pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: null, TypeName: t}}})
	if _, after, ok := strings.Cut(s, "::"); ok {
		return after
	}
	// Some types have a form of their own for a constant: interval '0'.
	return strings.Trim(strings.TrimPrefix(s, "0"), " '0")
}

// version is that of the grammar, which trees that are made by hand have to name too.
var version = sync.OnceValue(func() int32 {
	r, _ := parse("SELECT 1") // which is SQL
	return r.GetVersion()
})

// selected is the text of the one target of a SELECT.
func selected(n *pg.Node) string {
	target := &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Val: n}}}
	sel := &pg.SelectStmt{TargetList: []*pg.Node{target}, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE}
	stmt := &pg.RawStmt{Stmt: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: sel}}}
	s, err := deparse(&pg.ParseResult{Version: version(), Stmts: []*pg.RawStmt{stmt}})
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(s, "SELECT ")
}
