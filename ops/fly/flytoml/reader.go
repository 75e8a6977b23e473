package flytoml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/config/tomlfile"
)

// maxErrors is how many errors of one file are told.
const maxErrors = 10

// reader collects what is wrong and what is not known.
type reader struct {
	file    string
	errs    []error
	unknown []Unknown
}

func (r *reader) wrong(v *tomlfile.Value, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, v.Wrong(r.file, format, args...))
	}
}

// table is a table that is being read: its methods take keys out of it, by the names the platform accepts.
type table struct {
	r *reader
	v *tomlfile.Value
}

// find is the first of names that is there.
func (t table) find(names ...string) *tomlfile.Value {
	if t.v == nil || t.v.Table == nil {
		return nil
	}
	for _, n := range names {
		if v := t.v.Table.Values[n]; v != nil {
			return v
		}
	}
	return nil
}

// rest lists the keys of the table that are not among known.
func (t table) rest(known ...string) {
	if t.v == nil || t.v.Table == nil {
		return
	}
	for _, n := range t.v.Table.Names {
		if !slices.Contains(known, n) {
			v := t.v.Table.Values[n]
			t.r.unknown = append(t.r.unknown, Unknown{v.Key, v.Line})
		}
	}
}

// text takes a text; a number or a truth is one too, as the platform's client has it.
func (t table) text(to *string, names ...string) {
	v := t.find(names...)
	if v == nil {
		return
	}
	s, ok := asText(v)
	if !ok {
		t.r.wrong(v, "a text is wanted here, not %s", v.Kind())
		return
	}
	*to = s
}

func asText(v *tomlfile.Value) (string, bool) {
	switch s := v.Scalar.(type) {
	case string:
		return s, true
	case int64, float64, bool:
		return fmt.Sprint(s), true
	}
	return "", false
}

func (t table) number(to *int, names ...string) {
	v := t.find(names...)
	if v == nil {
		return
	}
	if n, ok := v.Int(); ok && n >= 0 {
		*to = n
		return
	}
	if s, ok := v.Text(); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 {
			*to = n
			return
		}
	}
	t.r.wrong(v, "a whole number is wanted here, not %s", v.Kind())
}

func (t table) port(to *int, names ...string) {
	t.number(to, names...)
	if v := t.find(names...); v != nil && *to > 65535 {
		t.r.wrong(v, "a port is at most 65535, not %d", *to)
		*to = 0
	}
}

func (t table) truth(to *bool, names ...string) {
	v := t.find(names...)
	if v == nil {
		return
	}
	b, ok := v.Bool()
	if !ok {
		t.r.wrong(v, "true or false is wanted here, not %s", v.Kind())
		return
	}
	*to = b
}

// duration takes a text like "15s", or a bare number of units.
func (t table) duration(unit time.Duration, to *time.Duration, names ...string) {
	v := t.find(names...)
	if v == nil {
		return
	}
	if s, ok := v.Text(); ok && s == "" {
		return
	}
	d, ok := v.Duration(unit)
	if !ok || d < 0 {
		t.r.wrong(v, "a duration like \"15s\" is wanted here, or a number of %s, not %s", plural[unit], v.Kind())
		return
	}
	*to = d
}

var plural = map[time.Duration]string{time.Millisecond: "milliseconds", time.Second: "seconds"}

// texts takes a list of texts; one text is a list of one.
func (t table) texts(to *[]string, names ...string) {
	v := t.find(names...)
	if v == nil {
		return
	}
	if s, ok := v.Text(); ok {
		*to = []string{s}
		return
	}
	l, ok := v.Texts()
	if !ok {
		t.r.wrong(v, "a list of texts is wanted here, not %s", v.Kind())
		return
	}
	*to = l
}

// pairs takes a table of texts, or the old form: a list of tables that are merged.
func (t table) pairs(to *map[string]string, names ...string) {
	v := t.find(names...)
	if v == nil {
		return
	}
	out := map[string]string{}
	for _, m := range t.tables(names...) {
		for _, n := range m.v.Table.Names {
			e := m.v.Table.Values[n]
			s, ok := asText(e)
			if !ok {
				t.r.wrong(e, "a text is wanted here, not %s", e.Kind())
				continue
			}
			out[n] = s
		}
	}
	*to = out
}

// tables takes a list of tables; one table is a list of one.
func (t table) tables(names ...string) []table {
	var out []table
	for _, n := range names {
		v := t.find(n)
		switch {
		case v == nil:
		case v.Table != nil:
			out = append(out, table{t.r, v})
		case v.IsArray():
			for _, e := range v.Array {
				if e.Table == nil {
					t.r.wrong(e, "a table is wanted here, not %s", e.Kind())
					continue
				}
				out = append(out, table{t.r, e})
			}
		default:
			t.r.wrong(v, "a table is wanted here, not %s", v.Kind())
		}
	}
	return out
}

// table takes the table of a name; nil values inside where there is none.
func (t table) table(name string) table {
	v := t.find(name)
	if v != nil && v.Table == nil {
		t.r.wrong(v, "a table is wanted here, not %s", v.Kind())
		v = nil
	}
	return table{t.r, v}
}
