package tomlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

func (t *Table) sort() {
	slices.SortFunc(t.Names, func(a, b string) int {
		x, y := t.Values[a], t.Values[b]
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column), cmp.Compare(a, b))
	})
}

// Dotted is the key name within the table key, quoted as TOML would want it.
func Dotted(key, name string) string {
	if !bare(name) {
		name = strconv.Quote(plaintext.Line(name, 80))
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

func bare(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return name != ""
}

// Kind names what a value is, for errors.
func (v *Value) Kind() string {
	switch s := v.Scalar.(type) {
	case nil:
		if v.isArray {
			return "a list"
		}
		return "a table"
	case string:
		return "the text " + strconv.Quote(plaintext.Line(s, 60))
	case int64, float64:
		return fmt.Sprintf("the number %v", s)
	case bool:
		return fmt.Sprintf("%v", s)
	}
	return "a date or time"
}

// IsArray tells whether v is a list.
func (v *Value) IsArray() bool { return v.isArray }

// Wrong is an error about v.
func (v *Value) Wrong(file, format string, args ...any) *Error {
	return &Error{File: file, Line: v.Line, Column: v.Column, Key: v.Key, Message: fmt.Sprintf(format, args...)}
}

// Text is v as a text.
func (v *Value) Text() (string, bool) {
	s, ok := v.Scalar.(string)
	return s, ok
}

// Int is v as a whole number.
func (v *Value) Int() (int, bool) {
	n, ok := v.Scalar.(int64)
	return int(n), ok && int64(int(n)) == n
}

// Bool is v as true or false.
func (v *Value) Bool() (bool, bool) {
	b, ok := v.Scalar.(bool)
	return b, ok
}

// Texts is v as a list of texts.
func (v *Value) Texts() ([]string, bool) {
	if !v.isArray {
		return nil, false
	}
	out := make([]string, 0, len(v.Array))
	for _, e := range v.Array {
		s, ok := e.Text()
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// TextMap is v as a table of texts.
func (v *Value) TextMap() (map[string]string, bool) {
	if v.Table == nil {
		return nil, false
	}
	out := make(map[string]string, len(v.Table.Names))
	for _, n := range v.Table.Names {
		s, ok := v.Table.Values[n].Text()
		if !ok {
			return nil, false
		}
		out[n] = s
	}
	return out, true
}

// Duration is v as a duration: a text like "5s", or a bare number of units.
func (v *Value) Duration(unit time.Duration) (time.Duration, bool) {
	switch s := v.Scalar.(type) {
	case string:
		d, err := time.ParseDuration(strings.TrimSpace(s))
		return d, err == nil
	case int64:
		d := time.Duration(s) * unit
		return d, unit > 0 && d/unit == time.Duration(s)
	}
	return 0, false
}
