// Package pgsql reads raw SQL as PostgreSQL itself does, by its own grammar, and says what it does to the database in the
// vocabulary of package ecto. It runs nothing and knows no database: names are as they are written.
package pgsql

import (
	"fmt"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"

	"ops-console/ops/ecto"
)

// SyntaxError is what PostgreSQL would answer to text that is not SQL.
type SyntaxError struct {
	Message string
	Offset  int // in bytes, where the trouble is; -1: unknown
}

// Error implements error.
func (e *SyntaxError) Error() string { return e.Message }

// deepest is how many levels of brackets a text may have. PostgreSQL's own stack would end far beyond it, with the process
// that the grammar is linked into.
const deepest = 2000

// Parse gives the operations of a text, those of its first statement with the number 1 in Statement and so on. At is not
// set. Where the text does not parse, the error is a *SyntaxError; an empty text has no operations.
func Parse(sql string) ([]ecto.Operation, error) {
	if i := strings.IndexByte(sql, 0); i >= 0 {
		return nil, &SyntaxError{Message: "a zero byte, which no SQL can hold", Offset: i}
	}
	if !utf8.ValidString(sql) {
		return nil, &SyntaxError{Message: "not valid UTF-8", Offset: -1}
	}
	if at, ok := tooDeep(sql); ok {
		return nil, &SyntaxError{Message: fmt.Sprintf("more than %d brackets within each other", deepest), Offset: at}
	}
	r, err := parse(sql)
	if err != nil {
		return nil, err
	}
	var out []ecto.Operation
	for i, raw := range r.GetStmts() {
		text := statement(sql, raw)
		ops := operations(raw.GetStmt())
		for n := range ops {
			o := &ops[n]
			o.Statement, o.Raw, o.Text = i+1, true, text
			if n == 0 {
				o.SQL = []string{text}
			}
		}
		out = append(out, ops...)
	}
	return out, nil
}

// statement is the text of one of several statements.
func statement(sql string, raw *pg.RawStmt) string {
	from := min(max(int(raw.GetStmtLocation()), 0), len(sql))
	to := len(sql)
	if n := int(raw.GetStmtLen()); n > 0 {
		to = min(from+n, len(sql))
	}
	return strings.TrimSpace(sql[from:to])
}

// offset makes an offset in bytes of a position in characters, counted from 1; 0 is unknown.
func offset(sql string, position int) int {
	if position < 1 {
		return -1
	}
	for i := range sql {
		if position--; position == 0 {
			return i
		}
	}
	return len(sql)
}

// tooDeep finds brackets that nest too deep, without regard to quotes: what it refuses falsely nobody writes.
func tooDeep(sql string) (at int, ok bool) {
	depth := 0
	for i := range len(sql) {
		switch sql[i] {
		case '(', '[':
			if depth++; depth > deepest {
				return i, true
			}
		case ')', ']':
			depth = max(depth-1, 0)
		}
	}
	return 0, false
}

// operations is what one statement does, at least one.
func operations(n *pg.Node) []ecto.Operation {
	switch s := n.GetNode().(type) {
	case *pg.Node_AlterTableStmt:
		return alterTable(s.AlterTableStmt)
	case *pg.Node_CreateStmt:
		return createTable(s.CreateStmt)
	case *pg.Node_DropStmt:
		return drop(s.DropStmt)
	case *pg.Node_TruncateStmt:
		return tables(ecto.Operation{Kind: ecto.Truncate, Cascade: cascades(s.TruncateStmt.GetBehavior())}, s.TruncateStmt.GetRelations())
	case *pg.Node_LockStmt:
		o := ecto.Operation{Kind: ecto.LockTable, Expression: lockMode(s.LockStmt.GetMode())}
		return tables(o, s.LockStmt.GetRelations())
	case *pg.Node_VacuumStmt:
		return vacuum(s.VacuumStmt)
	}
	return []ecto.Operation{single(n)}
}

// tables is an operation for each of the tables that a statement names.
func tables(o ecto.Operation, rels []*pg.Node) []ecto.Operation {
	out := make([]ecto.Operation, 0, len(rels))
	for _, r := range rels {
		o.Table = relation(r.GetRangeVar())
		out = append(out, o)
	}
	if len(out) == 0 {
		out = append(out, o)
	}
	return out
}

// lockModes are PostgreSQL's, by the number its grammar gives them.
var lockModes = [...]string{
	1: "ACCESS SHARE", 2: "ROW SHARE", 3: "ROW EXCLUSIVE", 4: "SHARE UPDATE EXCLUSIVE", 5: "SHARE",
	6: "SHARE ROW EXCLUSIVE", 7: "EXCLUSIVE", 8: "ACCESS EXCLUSIVE",
}

func lockMode(n int32) string {
	if n < 1 || int(n) >= len(lockModes) {
		return ""
	}
	return lockModes[n]
}

func cascades(b pg.DropBehavior) bool { return b == pg.DropBehavior_DROP_CASCADE }
