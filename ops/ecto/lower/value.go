package lower

import (
	"math/big"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
)

// value is what an expression is known to be: atom, alias, *big.Int, float64, text, charlist, list, tuple, *mapping,
// *closure, *object, quoted, own, or unknown. It is never nil.
type value any

// atom is :name; nil, true and false are atoms.
type atom string

const (
	null  atom = "nil"
	truth atom = "true"
	lie   atom = "false"
	okay  atom = "ok"
)

// alias is the name of a module.
type alias string

type (
	list  []value
	tuple []value
	// charlist is 'text'.
	charlist struct{ text }
	// unknown is what only running the migration would tell, with its source: a text or a place.
	unknown struct {
		text     string
		src      *source
		from, to int32
	}
	// own is repo() or prefix(): known by what it is, if not by its value.
	own string
	// pattern is a regular expression.
	pattern string
	// quoted is a syntax tree, as macros pass them around.
	quoted struct {
		node *elixir.Node
		env  *env
	}
	// mapping is a map, in the order of the source.
	mapping struct{ pairs []tuple }
	// ranging is first..last.
	ranging struct{ first, last, step int64 }
)

// closure is fn or &, or a named function of a module.
type closure struct {
	clauses []elixir.Clause
	capture *elixir.Node // of &(…&1…)
	name    string       // of &name/1
	module  string       // of &Module.name/1
	arity   int
	env     *env
	node    *elixir.Node // where it stands
}

// object is what the DSL makes: a table, an index, a constraint, or a reference.
type object struct {
	kind    string // table, index, constraint, reference
	name    value  // of an index or constraint; null: not given
	table   value
	columns value
	opts    keyword
	unique  bool // made by unique_index
	at      ecto.Span
	here    unknown
	used    bool // something was done with it
	marks   marks
	prefix  value // after what the repo's settings say
}

// field is a field of the struct that the object is in Ecto.
func (o *object) field(name string) (value, bool) {
	switch {
	case name == "name" && o.kind == "table", name == "table" && o.kind != "table":
		return textOf(o.table), known(o.table)
	case name == "name" && o.kind == "index":
		return (&writer{}).indexName(o), true
	case name == "name":
		return o.name, true
	case name == "columns":
		return o.columns, true
	case name == "prefix":
		return o.opts.last(name), true
	}
	return nil, false
}

// pair is an element of a keyword list.
type pair struct {
	key   string
	value value
}

// keyword is a keyword list.
type keyword []pair

// get is the first value of a key, as Keyword.get gives it.
func (k keyword) get(key string) (value, bool) {
	for _, p := range k {
		if p.key == key {
			return p.value, true
		}
	}
	return null, false
}

// last is the last value of a key, as struct! takes it.
func (k keyword) last(key string) value {
	var v value = null
	for _, p := range k {
		if p.key == key {
			v = p.value
		}
	}
	return v
}

// without is the list without a key.
func (k keyword) without(keys ...string) keyword {
	var out keyword
next:
	for _, p := range k {
		for _, key := range keys {
			if p.key == key {
				continue next
			}
		}
		out = append(out, p)
	}
	return out
}

// put is the list with a key in front, and no other of that name.
func (k keyword) put(key string, v value) keyword {
	return append(keyword{{key, v}}, k.without(key)...)
}

// merge is Keyword.merge: what is in other wins.
func (k keyword) merge(other keyword) keyword {
	keys := make([]string, len(other))
	for i, p := range other {
		keys[i] = p.key
	}
	return append(k.without(keys...), other...)
}

func (k keyword) list() list {
	out := make(list, len(k))
	for i, p := range k {
		out[i] = tuple{atom(p.key), p.value}
	}
	return out
}

// keywordOf reads a list as a keyword list. What is no pair with an atom is left out, and said in rest.
func keywordOf(v value) (k keyword, whole bool) {
	whole = true
	switch v := v.(type) {
	case list:
		for _, x := range v {
			t, ok := x.(tuple)
			if !ok || len(t) != 2 {
				whole = false
				continue
			}
			key, ok := t[0].(atom)
			if !ok {
				whole = false
				continue
			}
			k = append(k, pair{string(key), t[1]})
		}
	case *mapping:
		for _, t := range v.pairs {
			if key, ok := t[0].(atom); ok {
				k = append(k, pair{string(key), t[1]})
			}
		}
	case atom:
		whole = v == null
	default:
		whole = false
	}
	return k, whole
}

// source is the expression as it is written, on one line.
func (u unknown) source() string {
	if u.src == nil {
		return u.text
	}
	return u.src.oneLine(u.from, u.to)
}

// truthy decides a condition; ok is false where it is not known.
func truthy(v value) (yes, ok bool) {
	switch v := v.(type) {
	case atom:
		return v != null && v != lie, true
	case unknown, own, quoted:
		return false, false
	}
	return true, true
}

func boolean(b bool) value {
	if b {
		return truth
	}
	return lie
}

func integer(i int64) value { return big.NewInt(i) }

func isUnknown(v value) bool {
	_, ok := v.(unknown)
	return ok
}

// known says whether all of a value is.
func known(v value) bool {
	switch v := v.(type) {
	case unknown, own, quoted:
		return false
	case text:
		return v.known()
	case charlist:
		return v.known()
	case list:
		return allKnown(v)
	case tuple:
		return allKnown(v)
	case *mapping:
		for _, p := range v.pairs {
			if !allKnown(p) {
				return false
			}
		}
	}
	return true
}

func allKnown(vv []value) bool {
	for _, v := range vv {
		if !known(v) {
			return false
		}
	}
	return true
}

// equal compares two values; ok is false where that cannot be said.
func equal(a, b value) (same, ok bool) {
	if !known(a) || !known(b) {
		return false, false
	}
	switch a := a.(type) {
	case atom, alias:
		return a == b, true
	case *big.Int:
		i, is := b.(*big.Int)
		return is && i.Cmp(a) == 0, true
	case text:
		t, is := b.(text)
		return is && t.String() == a.String(), true
	case *closure:
		return false, false
	case *object:
		o, is := b.(*object)
		return is && o == a, !is || o == a
	case list:
		b, is := b.(list)
		return is && allEqual(a, b), true
	case tuple:
		b, is := b.(tuple)
		return is && allEqual(a, b), true
	}
	return inspect(a) == inspect(b), true
}

func allEqual(a, b []value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if same, ok := equal(a[i], b[i]); !ok || !same {
			return false
		}
	}
	return true
}

// textOf is to_string: what interpolation makes of a value.
func textOf(v value) text {
	switch v := v.(type) {
	case text:
		return v
	case charlist:
		return v.text
	case atom:
		if v == null {
			return text{}
		}
		return words(string(v))
	case alias:
		return words("Elixir." + string(v))
	case *big.Int:
		return words(v.String())
	case float64:
		return words(formatFloat(v))
	case list:
		// Only iodata is a string; other lists raise.
		var out text
		for _, x := range v {
			switch x := x.(type) {
			case *big.Int:
				if !x.IsInt64() || x.Int64() < 0 || x.Int64() > 0x10ffff {
					return hole("…")
				}
				out = out.join(words(string(rune(x.Int64()))))
			case atom, float64, tuple:
				return hole("…")
			default:
				out = out.join(textOf(x))
			}
		}
		return out
	case own:
		return text{{s: string(v) + "()", hole: true, prefix: v == "prefix"}}
	case unknown:
		return hole(v.source())
	}
	return hole("…")
}

// inspect writes a value as Elixir's inspect does, near enough for types and comparisons.
func inspect(v value) string {
	switch v := v.(type) {
	case atom:
		switch {
		case v == null || v == truth || v == lie:
			return string(v)
		case plainAtom(string(v)):
			return ":" + string(v)
		}
		return ":" + strconv.Quote(string(v))
	case alias:
		return string(v)
	case text:
		return strconv.Quote(v.String())
	case charlist:
		return "'" + v.String() + "'"
	case *big.Int:
		return v.String()
	case float64:
		return formatFloat(v)
	case list:
		return "[" + inspectAll(v) + "]"
	case tuple:
		return "{" + inspectAll(v) + "}"
	case *mapping:
		parts := make([]string, len(v.pairs))
		for i, p := range v.pairs {
			parts[i] = inspect(p[0]) + " => " + inspect(p[1])
		}
		return "%{" + strings.Join(parts, ", ") + "}"
	case ranging:
		return strconv.FormatInt(v.first, 10) + ".." + strconv.FormatInt(v.last, 10)
	case *object:
		return v.here.source()
	case unknown:
		return v.source()
	case own:
		return string(v) + "()"
	}
	return "…"
}

func inspectAll(vv []value) string {
	parts := make([]string, len(vv))
	for i, v := range vv {
		if t, ok := v.(tuple); ok && len(t) == 2 {
			if k, ok := t[0].(atom); ok && plainAtom(string(k)) {
				parts[i] = string(k) + ": " + inspect(t[1])
				continue
			}
		}
		parts[i] = inspect(v)
	}
	return strings.Join(parts, ", ")
}

func plainAtom(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
		if !letter && (i == 0 || r < '0' || r > '9') && (i == 0 || i != len(s)-1 || r != '?' && r != '!') {
			return false
		}
	}
	return s != ""
}

// formatFloat is the shortest form that reads back the same, as Erlang's float_to_binary(F, [short]) writes it.
func formatFloat(f float64) string {
	digits := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	e, _ := strconv.Atoi(exponent)
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	scientific := mantissa + "e" + strconv.Itoa(e)
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	plain = strings.TrimPrefix(plain, "-")
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	if len(plain) <= len(scientific) {
		return sign + plain
	}
	return sign + scientific
}
