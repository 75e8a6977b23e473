package locks

import (
	_ "embed"
	"strings"
	"sync"

	"ops-console/ops/ecto/sqltext"
)

// Volatility is how an expression's value may change (pg_proc.provolatile).
type Volatility int

// The volatilities. A default that is not volatile is computed once for all rows that are there.
const (
	NotVolatile Volatility = iota
	UnknownVolatility
	Volatile
)

// builtin.txt has the functions of PostgreSQL's pg_catalog up to version 18 and of the extensions that it comes with, one a
// line, those with a v that are volatile in any of their forms.
//
//go:embed builtin.txt
var builtin string

var functions = sync.OnceValue(func() map[string]Volatility {
	m := make(map[string]Volatility, 2000)
	for line := range strings.Lines(builtin) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		if m[name] = NotVolatile; v == "v" {
			m[name] = Volatile
		}
	}
	return m
})

// syntax is what stands before a bracket and is no function, or one that the grammar knows.
var syntax = map[string]bool{
	"and": true, "any": true, "all": true, "array": true, "as": true, "between": true, "case": true, "cast": true, "coalesce": true, "collate": true,
	"current_timestamp": true, "current_time": true, "current_date": true, "localtime": true, "localtimestamp": true, "else": true,
	"exists": true, "extract": true, "filter": true, "greatest": true, "grouping": true, "in": true, "is": true, "least": true,
	"like": true, "not": true, "nullif": true, "numeric": true, "or": true, "over": true, "row": true, "select": true, "some": true, "then": true,
	"trim": true, "values": true, "varchar": true, "char": true, "decimal": true, "bit": true, "time": true, "timestamp": true, "interval": true,
	"when": true, "where": true, "from": true, "overlay": true, "position": true, "substring": true, "normalize": true, "treat": true,
	"timestamptz": true, "timetz": true, "character": true, "with": true, "xmlelement": true, "xmlforest": true, "json_value": true, "json_query": true,
}

// VolatilityOf is that of an expression in SQL, by the functions that it calls. names are those that decide: the volatile
// ones, or else those that are not known.
func VolatilityOf(expression string) (v Volatility, names []string) {
	byName := map[Volatility][]string{}
	for _, call := range calls(expression) {
		name := strings.TrimPrefix(call, "pg_catalog.")
		// gen_random_uuid and the like are also called with the schema of the extension that had them first.
		if schema, bare, ok := strings.Cut(name, "."); ok && (schema == "public" || schema == "extensions") {
			name = bare
		}
		if syntax[name] {
			continue
		}
		f, known := functions()[name]
		if !known {
			f = UnknownVolatility
		}
		byName[f] = append(byName[f], call)
	}
	for _, v := range []Volatility{Volatile, UnknownVolatility} {
		if names := byName[v]; len(names) > 0 {
			return v, names
		}
	}
	return NotVolatile, nil
}

// calls is the names that stand before an opening bracket, in lower case where they are not quoted, with their schema.
func calls(s string) []string {
	var out []string
	var name []byte // the word so far, dots and quoted parts with it
	spaced := false // a blank has followed it
	for i := 0; i < len(s); {
		kind, end := sqltext.At(s, i)
		c := s[i]
		switch {
		case kind == sqltext.Literal:
			name = name[:0]
		case kind == sqltext.Comment:
			spaced = len(name) > 0
		case kind == sqltext.Quoted:
			if spaced {
				name, spaced = name[:0], false
			}
			name = append(name, strings.Trim(s[i:end], `"`)...)
		case c == '.' || sqltext.Word(c) && (c != '$' || len(name) > 0):
			if spaced {
				name, spaced = name[:0], false
			}
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			name = append(name, c)
			end = i + 1
		case c == '(' && len(name) > 0:
			if c := name[0]; c < '0' || c > '9' {
				out = append(out, string(name))
			}
			name = name[:0]
			end = i + 1
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			spaced = len(name) > 0
			end = i + 1
		default:
			name, spaced = name[:0], false
			end = i + 1
		}
		i = end
	}
	return out
}
