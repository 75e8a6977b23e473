// Package tomlfile reads a TOML file into a tree in which every key and value knows its line and column, and lets a
// reader take out of it what it knows, so that what is left over can be named. It knows nothing of what keys mean, and
// opens no file.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"ops-console/ops/plaintext"
)

// MaxSize is the longest file that is read, in bytes.
const MaxSize = 256 << 10

// maxDepth is how deep arrays and tables may stand in each other.
const maxDepth = 64

// Value is a value of the file. Exactly one of Table, Array and Scalar says what it is.
type Value struct {
	Key    string // whole and dotted, with [n] for elements, as a person would look for it
	Line   int    // from 1; of the key, or of an element of an array
	Column int    // from 1, in bytes
	Table  *Table
	Array  []*Value
	Scalar any // string, int64, float64, bool, or one of the library's times

	isArray bool
}

// Table is a table of the file.
type Table struct {
	Names  []string // as they stand in the file
	Values map[string]*Value
}

// Error is something wrong in a file, at a place.
type Error struct {
	File         string
	Line, Column int    // 0: the whole file
	Key          string // may be empty
	Message      string
}

// Error is FILE:LINE:COLUMN: KEY: MESSAGE.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	return b.String() + ": " + e.Message
}

// Parse reads data. name is the file's, for errors, which are *Error.
func Parse(name string, data []byte) (root *Value, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > MaxSize:
		return nil, &Error{File: name, Message: fmt.Sprintf("the file is longer than %d kB", MaxSize>>10)}
	case !utf8.Valid(data):
		line, col := badUTF8(data)
		return nil, &Error{File: name, Line: line, Column: col, Message: "this is not UTF-8 text"}
	}
	var m map[string]any
	if err := toml.Unmarshal(data, &m); err != nil {
		return nil, located(name, err)
	}
	p := positions{lines: lineStarts(data), at: map[string]place{}, arrays: map[string]int{}}
	if err := p.read(data); err != nil {
		return nil, &Error{File: name, Message: "not TOML: " + plaintext.Line(err.Error(), 200)}
	}
	if d := p.deep; d != nil {
		return nil, &Error{File: name, Line: d.line, Column: d.col, Message: fmt.Sprintf("tables and lists stand in each other more than %d deep", maxDepth)}
	}
	return p.value("", "", m), nil
}

// located is a syntax error of the library at its place.
func located(name string, err error) error {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return &Error{File: name, Message: "not TOML: " + plaintext.Line(strings.TrimPrefix(err.Error(), "toml: "), 200)}
	}
	line, col := d.Position()
	return &Error{File: name, Line: line, Column: col, Message: "not TOML: " + plaintext.Line(strings.TrimPrefix(d.Error(), "toml: "), 200)}
}

func badUTF8(data []byte) (line, col int) {
	line = 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		col++
		if r == '\n' {
			line, col = line+1, 0
		}
		i += size
	}
	return line, col + 1
}

type place struct{ line, col int }

// positions knows where each key stands. Paths are keys joined by NUL, which no key may hold unescaped in practice;
// elements of arrays are SOH and their number.
type positions struct {
	lines  []int // offsets at which lines start
	at     map[string]place
	arrays map[string]int // elements seen of each array of tables
	deep   *place         // the first thing that stands too deep
}

func step(path, name string) string  { return path + "\x00" + name }
func elem(path string, i int) string { return path + "\x00\x01" + strconv.Itoa(i) }

// read goes through the file once more, for the places only: the library has found it well-formed.
func (p *positions) read(data []byte) error {
	var parser unstable.Parser
	parser.Reset(data)
	base, depth := "", 0
	for parser.NextExpression() && p.deep == nil {
		e := parser.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			p.keyValue(base, depth, e)
		case unstable.Table, unstable.ArrayTable:
			base, depth = p.header(e)
		}
	}
	return parser.Error()
}

func (p *positions) header(e *unstable.Node) (path string, depth int) {
	it := e.Key()
	for it.Next() {
		k := it.Node()
		path = step(path, string(k.Data))
		if depth++; !p.note(path, depth, k) {
			return path, depth
		}
		n, isArray := p.arrays[path]
		switch {
		case e.Kind == unstable.ArrayTable && k.Next() == nil:
			p.arrays[path] = n + 1
			path = elem(path, n)
			p.note(path, depth, k)
		case isArray:
			path = elem(path, n-1)
		}
	}
	return path, depth
}

func (p *positions) keyValue(path string, depth int, e *unstable.Node) {
	it := e.Key()
	for it.Next() {
		path = step(path, string(it.Node().Data))
		if depth++; !p.note(path, depth, it.Node()) {
			return
		}
	}
	p.inside(path, depth+1, e.Value())
}

// inside notes the places within a value.
func (p *positions) inside(path string, depth int, v *unstable.Node) {
	it := v.Children()
	for i := 0; it.Next(); {
		c := it.Node()
		switch {
		case c.Kind == unstable.KeyValue:
			p.keyValue(path, depth, c)
		case v.Kind == unstable.Array && c.Kind != unstable.Comment:
			at := elem(path, i)
			if !p.note(at, depth, c) {
				return
			}
			p.inside(at, depth+1, c)
			i++
		}
	}
}

// note keeps the first place of a path, and tells whether it is not too deep.
func (p *positions) note(path string, depth int, n *unstable.Node) bool {
	offset := int(n.Raw.Offset)
	line, found := slices.BinarySearch(p.lines, offset)
	if !found {
		line-- // the line that starts before it
	}
	at := place{line + 1, offset - p.lines[line] + 1}
	if depth > maxDepth {
		p.deep = &at
		return false
	}
	if _, ok := p.at[path]; !ok {
		p.at[path] = at
	}
	return true
}

func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, c := range data {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// value joins what the library read with where it stands.
func (p *positions) value(path, key string, v any) *Value {
	at := p.at[path]
	out := &Value{Key: key, Line: at.line, Column: at.col}
	switch v := v.(type) {
	case map[string]any:
		out.Table = p.table(path, key, v)
	case []any:
		out.isArray = true
		for i, e := range v {
			c := p.value(elem(path, i), key+"["+strconv.Itoa(i)+"]", e)
			if c.Line == 0 {
				c.Line, c.Column = out.Line, out.Column
			}
			out.Array = append(out.Array, c)
		}
	default:
		out.Scalar = v
	}
	return out
}

func (p *positions) table(path, key string, m map[string]any) *Table {
	t := &Table{Values: make(map[string]*Value, len(m))}
	for name, v := range m {
		t.Names = append(t.Names, name)
		t.Values[name] = p.value(step(path, name), Dotted(key, name), v)
	}
	t.sort()
	return t
}
