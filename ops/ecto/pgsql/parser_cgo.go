//go:build cgo

package pgsql

import (
	"errors"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
)

// parse is PostgreSQL's grammar, linked in.
func parse(sql string) (*pg.ParseResult, error) {
	r, err := pg.Parse(sql)
	var e *parser.Error
	if errors.As(err, &e) {
		return nil, &SyntaxError{Message: e.Message, Offset: offset(sql, e.Cursorpos)}
	}
	return r, err
}

func deparse(r *pg.ParseResult) (string, error) { return pg.Deparse(r) }
