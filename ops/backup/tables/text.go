package tables

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// Quote is a name as it stands in SQL.
func Quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// Literal is a text as it stands in SQL.
func Literal(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\x00", ""), `\`, `\\`)
	return "E'" + strings.ReplaceAll(s, "'", "''") + "'"
}
