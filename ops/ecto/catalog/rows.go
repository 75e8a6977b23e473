package catalog

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// row is one row of an answer. It remembers the first value that is not what was asked for.
type row struct {
	values [][]byte
	err    error
}

// rows makes a question of a statement and of what reads its rows.
func rows(sql string, columns int, read func(r *row)) postgres.Question {
	return postgres.Question{SQL: sql, Row: func(values [][]byte) error {
		if len(values) != columns {
			return fmt.Errorf("the server gave %d columns where %d were asked for", len(values), columns)
		}
		r := row{values: values}
		read(&r)
		return r.err
	}}
}

func (r *row) null(i int) bool { return r.values[i] == nil }

func (r *row) bool(i int) bool { return string(r.values[i]) == "t" }

// longestName is that of an identifier, in bytes and so in characters.
const longestName = 63

// longestText is what is kept of an expression.
const longestText = 4000

func (r *row) name(i int) string { return plaintext.Line(string(r.values[i]), longestName) }

func (r *row) text(i int) string { return plaintext.Line(string(r.values[i]), longestText) }

// int is a number, 0 for NULL.
func (r *row) int(i int) int64 { return r.number(string(r.values[i])) }

func (r *row) number(s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("the server gave %q where a number was asked for", plaintext.Line(s, 40))
	}
	return n
}

func (r *row) oid(i int) oid { return oid(r.int(i)) }

// numbers is what an int2vector or an array of numbers has in it.
func (r *row) numbers(i int) []int64 {
	var out []int64
	for f := range strings.FieldsFuncSeq(string(r.values[i]), func(c rune) bool { return c == ' ' || c == ',' || c == '{' || c == '}' }) {
		out = append(out, r.number(f))
	}
	return out
}

// time is a moment given as seconds since 1970, zero for NULL.
func (r *row) time(i int) time.Time {
	if r.null(i) {
		return time.Time{}
	}
	s, err := strconv.ParseFloat(string(r.values[i]), 64)
	if err != nil || math.Abs(s) > 1e11 { // infinity, and years that no time.Time has
		return time.Time{}
	}
	whole, part := math.Modf(s)
	return time.Unix(int64(whole), int64(part*1e6)*1000).UTC()
}

// literal is a text as it stands in SQL, whatever standard_conforming_strings is.
func literal(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\x00", ""), `\`, `\\`)
	return "E'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// quoted is a name as it stands in SQL.
func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, "\x00", ""), `"`, `""`) + `"`
}

// oids is a list of them as it stands in SQL.
func oids(list []oid) string {
	s := make([]string, len(list))
	for i, o := range list {
		s[i] = strconv.FormatUint(uint64(o), 10)
	}
	return "'{" + strings.Join(s, ",") + "}'::oid[]"
}

type oid uint32

// float is a number, 0 for NULL.
func (r *row) float(i int) float64 {
	if r.null(i) {
		return 0
	}
	f, err := strconv.ParseFloat(string(r.values[i]), 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("the server gave %q where a number was asked for", plaintext.Line(string(r.values[i]), 40))
	}
	return f
}
