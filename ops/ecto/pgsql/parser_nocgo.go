//go:build !cgo

package pgsql

import (
	"errors"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"github.com/wasilibs/go-pgquery/parser"
)

// parse is PostgreSQL's grammar as WebAssembly, for programs that are built without a C compiler. The first call takes
// seconds, for it compiles the module.
func parse(sql string) (*pg.ParseResult, error) {
	r, err := pgquery.Parse(sql)
	var e *parser.Error
	if errors.As(err, &e) {
		return nil, &SyntaxError{Message: e.Message, Offset: offset(sql, e.Cursorpos)}
	}
	return r, err
}

func deparse(r *pg.ParseResult) (string, error) { return pgquery.Deparse(r) }
