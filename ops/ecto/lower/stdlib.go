package lower

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// functions are those of Elixir's own modules that migrations make their names and SQL with.
var functions map[string]pure

func init() {
	functions = map[string]pure{
		"Enum.each":        mapped(func(_ []value) value { return okay }),
		"Enum.map":         mapped(func(out []value) value { return list(out) }),
		"Enum.flat_map":    mapped(flatten1),
		"Enum.map_join":    mapJoin,
		"Enum.join":        join,
		"Enum.filter":      filter(true),
		"Enum.reject":      filter(false),
		"Enum.reduce":      reduce,
		"Enum.with_index":  withIndex,
		"Enum.zip":         zip,
		"Enum.concat":      concat,
		"Enum.to_list":     listed,
		"Enum.into":        into,
		"Enum.reverse":     reverse,
		"Enum.uniq":        uniq,
		"Enum.sort":        sort,
		"Enum.at":          func(_ *machine, a []value) (value, bool) { return index(a, 0) },
		"Enum.count":       func(m *machine, a []value) (value, bool) { return kernel["length"](m, a) },
		"Enum.intersperse": intersperse,
		"Enum.member?":     func(m *machine, a []value) (value, bool) { return contains(m, swap(a)) },
		"Enum.any?":        anyOf,
		"Enum.empty?": func(_ *machine, a []value) (value, bool) {
			return onItems(a, func(l []value) (value, bool) { return boolean(len(l) == 0), true })
		},
		"Enum.chunk_every": chunk,
		"Enum.find":        find,
		"Stream.each":      mapped(func(_ []value) value { return okay }),
		"Stream.map":       mapped(func(out []value) value { return list(out) }),
		"Stream.run":       func(_ *machine, _ []value) (value, bool) { return okay, true },
		"List.flatten":     flatten,
		"List.wrap":        wrap,
		"List.first": func(_ *machine, a []value) (value, bool) {
			return onList(a, func(l list) (value, bool) { return at(l, 0) })
		},
		"List.last": func(_ *machine, a []value) (value, bool) {
			return onList(a, func(l list) (value, bool) { return at(l, -1) })
		},
		"List.to_string":          func(m *machine, a []value) (value, bool) { return kernel["to_string"](m, a) },
		"Range.new":               rangeOf,
		"String.to_atom":          onText(func(s string) value { return atom(s) }),
		"String.to_existing_atom": onText(func(s string) value { return atom(s) }),
		"String.downcase":         onText(func(s string) value { return words(strings.ToLower(s)) }),
		"String.upcase":           onText(func(s string) value { return words(strings.ToUpper(s)) }),
		"String.capitalize":       onText(func(s string) value { return words(capitalized(s)) }),
		"String.length":           onText(func(s string) value { return integer(int64(utf8.RuneCountInString(s))) }),
		"String.trim":             trim(true, true),
		"String.trim_leading":     trim(true, false),
		"String.trim_trailing":    trim(false, true),
		"String.replace":          replace,
		"String.split":            split,
		"String.duplicate":        duplicate,
		"String.slice":            slice,
		"Atom.to_string":          func(m *machine, a []value) (value, bool) { return kernel["to_string"](m, a) },
		"Integer.to_string":       func(m *machine, a []value) (value, bool) { return kernel["to_string"](m, a) },
		"Kernel.to_string":        func(m *machine, a []value) (value, bool) { return kernel["to_string"](m, a) },
		"IO.iodata_to_binary":     func(m *machine, a []value) (value, bool) { return kernel["to_string"](m, a) },
		"Keyword.get":             getKey,
		"Access.get":              getKey,
		"Keyword.fetch!":          getKey,
		"Keyword.keys":            onKeys(func(p pair) value { return atom(p.key) }),
		"Keyword.values":          onKeys(func(p pair) value { return p.value }),
		"Keyword.merge":           mergeKeys,
		"Keyword.put":             putKey,
		"Keyword.put_new":         putNew,
		"Keyword.delete":          deleteKey,
		"Keyword.has_key?":        hasKey,
		"Map.get":                 getKey,
		"Map.fetch!":              getKey,
		":timer.hours":            times(3_600_000),
		":timer.minutes":          times(60_000),
		":timer.seconds":          times(1_000),
		"Map.new":                 mapOf,
		"Map.put":                 putMap,
		"Enum.sum":                sum,
		"Map.keys":                onPairs(func(p tuple) value { return p[0] }),
		"Map.values":              onPairs(func(p tuple) value { return p[1] }),
		"Map.to_list":             listed,
	}
}

// onItems is a function of what can be enumerated.
func onItems(a []value, f func([]value) (value, bool)) (value, bool) {
	if len(a) == 0 {
		return nil, false
	}
	l, ok := elements(a[0])
	if !ok {
		return nil, false
	}
	return f(l)
}

func mapped(result func([]value) value) pure {
	return func(m *machine, a []value) (value, bool) {
		if len(a) != 2 {
			return nil, false
		}
		l, ok := elements(a[0])
		f, isFn := a[1].(*closure)
		if !ok || !isFn {
			return nil, false
		}
		out := make([]value, 0, len(l))
		for _, v := range l {
			if m.stopped || m.steps > mostSteps {
				break
			}
			out = append(out, m.apply(f, []value{v}))
		}
		return result(out), true
	}
}

func flatten1(vv []value) value {
	var out list
	for _, v := range vv {
		l, ok := elements(v)
		if !ok {
			return unknown{text: "…"}
		}
		out = append(out, l...)
	}
	return out
}

func mapJoin(m *machine, a []value) (value, bool) {
	if len(a) == 2 {
		a = []value{a[0], text{}, a[1]}
	}
	if len(a) != 3 {
		return nil, false
	}
	l, ok := functions["Enum.map"](m, []value{a[0], a[2]})
	if !ok {
		return nil, false
	}
	return join(m, []value{l, a[1]})
}

func join(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		var between text
		if len(a) > 1 {
			between = textOf(a[1])
		}
		out := text{}
		for i, v := range l {
			if i > 0 {
				out = out.join(between)
			}
			out = out.join(textOf(v))
		}
		return out, true
	})
}

func filter(keep bool) pure {
	return func(m *machine, a []value) (value, bool) {
		if len(a) != 2 {
			return nil, false
		}
		f, isFn := a[1].(*closure)
		if !isFn {
			return nil, false
		}
		return onItems(a, func(l []value) (value, bool) {
			var out list
			for _, v := range l {
				yes, ok := truthy(m.apply(f, []value{v}))
				if !ok {
					return nil, false
				}
				if yes == keep {
					out = append(out, v)
				}
			}
			return out, true
		})
	}
}

func reduce(m *machine, a []value) (value, bool) {
	if len(a) != 3 {
		return nil, false
	}
	f, isFn := a[2].(*closure)
	if !isFn {
		return nil, false
	}
	return onItems(a, func(l []value) (value, bool) {
		acc := a[1]
		for _, v := range l {
			acc = m.apply(f, []value{v, acc})
		}
		return acc, true
	})
}

func withIndex(_ *machine, a []value) (value, bool) {
	start := int64(0)
	if len(a) > 1 {
		i, ok := small(a[1])
		if !ok {
			return nil, false
		}
		start = i
	}
	return onItems(a, func(l []value) (value, bool) {
		out := make(list, len(l))
		for i, v := range l {
			out[i] = tuple{v, integer(start + int64(i))}
		}
		return out, true
	})
}

func zip(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	x, ok1 := elements(a[0])
	y, ok2 := elements(a[1])
	if !ok1 || !ok2 {
		return nil, false
	}
	out := make(list, min(len(x), len(y)))
	for i := range out {
		out[i] = tuple{x[i], y[i]}
	}
	return out, true
}

func concat(m *machine, a []value) (value, bool) {
	if len(a) == 2 {
		a = []value{list(a)}
	}
	return onItems(a, func(l []value) (value, bool) {
		v := flatten1(l)
		return v, !isUnknown(v)
	})
}

func listed(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) { return list(l), true })
}

func into(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		if len(a) != 2 {
			return nil, false
		}
		switch base := a[1].(type) {
		case list:
			return slices.Concat(base, list(l)), len(base)+len(l) <= mostElements
		case *mapping:
			if len(l) > mostKeys {
				return nil, false
			}
			for _, v := range l {
				t, ok := v.(tuple)
				if !ok || len(t) != 2 {
					return nil, false
				}
				base = base.put(t[0], t[1])
			}
			return base, true
		}
		return nil, false
	})
}

func reverse(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		out := slices.Clone(l)
		slices.Reverse(out)
		return list(out), len(a) == 1
	})
}

func uniq(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		if len(l) > 2000 || !allKnown(l) {
			return nil, false
		}
		seen := map[string]bool{}
		var out list
		for _, v := range l {
			if k := inspect(v); !seen[k] {
				seen[k] = true
				out = append(out, v)
			}
		}
		return out, true
	})
}

// sort puts texts or atoms in order.
func sort(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		out := make(list, 0, len(l))
		for _, v := range l {
			switch v.(type) {
			case text, atom:
			default:
				return nil, false
			}
			if !known(v) {
				return nil, false
			}
			out = append(out, v)
		}
		slices.SortStableFunc(out, func(x, y value) int { return strings.Compare(textOf(x).String(), textOf(y).String()) })
		return out, len(a) == 1
	})
}

func index(a []value, otherwise int) (value, bool) {
	if len(a) < 2 {
		return nil, false
	}
	i, ok := small(a[1])
	if !ok || i > mostElements || i < -mostElements {
		return nil, false
	}
	return onItems(a, func(l []value) (value, bool) { return at(l, int(i)+otherwise) })
}

func intersperse(_ *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		if len(a) != 2 {
			return nil, false
		}
		var out list
		for i, v := range l {
			if i > 0 {
				out = append(out, a[1])
			}
			out = append(out, v)
		}
		return out, true
	})
}

func swap(a []value) []value {
	if len(a) != 2 {
		return nil
	}
	return []value{a[1], a[0]}
}

func anyOf(m *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	f, isFn := a[1].(*closure)
	if !isFn {
		return nil, false
	}
	return onItems(a, func(l []value) (value, bool) {
		for _, v := range l {
			yes, ok := truthy(m.apply(f, []value{v}))
			if !ok || yes {
				return boolean(yes), ok
			}
		}
		return lie, true
	})
}

func find(m *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	f, isFn := a[1].(*closure)
	if !isFn {
		return nil, false
	}
	return onItems(a, func(l []value) (value, bool) {
		for _, v := range l {
			yes, ok := truthy(m.apply(f, []value{v}))
			if !ok {
				return nil, false
			}
			if yes {
				return v, true
			}
		}
		return null, true
	})
}

func chunk(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	size, ok := small(a[1])
	if !ok || size < 1 || size > mostElements {
		return nil, false
	}
	return onItems(a, func(l []value) (value, bool) {
		var out list
		for c := range slices.Chunk(l, int(size)) {
			out = append(out, list(c))
		}
		return out, true
	})
}

func flatten(_ *machine, a []value) (value, bool) {
	return onList(a, func(l list) (value, bool) {
		out := flattenInto(nil, l, 0)
		return out, out != nil && len(out) <= mostElements
	})
}

func flattenInto(out, l list, depth int) list {
	if out == nil {
		out = list{}
	}
	for _, v := range l {
		inner, ok := v.(list)
		if !ok || depth > 100 {
			out = append(out, v)
			continue
		}
		out = flattenInto(out, inner, depth+1)
	}
	return out
}

func wrap(_ *machine, a []value) (value, bool) {
	return one(a, func(v value) (value, bool) {
		switch v := v.(type) {
		case list:
			return v, true
		case unknown, own, quoted:
			return nil, false
		}
		if v == null {
			return list{}, true
		}
		return list{v}, true
	})
}

func onText(f func(string) value) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) != 1 {
			return nil, false
		}
		t, ok := a[0].(text)
		if !ok || !t.known() {
			return nil, false
		}
		return f(t.String()), true
	}
}

func capitalized(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + strings.ToLower(s[n:])
}

// trim keeps where a text stands, as SQL in heredocs is often trimmed.
func trim(left, right bool) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) != 1 && len(a) != 2 {
			return nil, false
		}
		t, ok := a[0].(text)
		if !ok {
			return nil, false
		}
		if !t.known() {
			return t, len(a) == 1 // spaces at the ends mean nothing in SQL
		}
		s, what := t.String(), ""
		if len(a) == 2 {
			w, ok := a[1].(text)
			if !ok || !w.known() || w.String() == "" {
				return nil, false
			}
			what = w.String()
		}
		from, to := 0, len(s)
		for left && what != "" && strings.HasPrefix(s[from:], what) {
			from += len(what)
		}
		for right && what != "" && strings.HasSuffix(s[from:to], what) {
			to -= len(what)
		}
		if left && what == "" {
			from = len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
		}
		if right && what == "" {
			to = max(len(strings.TrimRightFunc(s, unicode.IsSpace)), from)
		}
		return t.cut(from, to), true
	}
}

// replace is String.replace with texts.
func replace(_ *machine, a []value) (value, bool) {
	if len(a) != 3 {
		return nil, false
	}
	t, ok1 := a[0].(text)
	by, ok3 := a[2].(text)
	if p, ok := a[1].(pattern); ok && ok1 && ok3 && t.known() && by.known() {
		return replacePattern(t.String(), string(p), by.String())
	}
	what, ok2 := a[1].(text)
	if !ok1 || !ok2 || !ok3 || !t.known() || !what.known() || !by.known() || what.String() == "" {
		return nil, false
	}
	s := t.String()
	if n := strings.Count(s, what.String()); n*len(by.String())+len(s) > longest {
		return nil, false
	}
	return words(strings.ReplaceAll(s, what.String(), by.String())), true
}

// replacePattern is String.replace with a regular expression. What Go and Elixir may read in two ways is not followed.
func replacePattern(s, p, by string) (value, bool) {
	if strings.Contains(by, `\`) || len(s) > 1<<16 {
		return nil, false
	}
	re, err := regexp.Compile(p)
	if err != nil {
		return nil, false
	}
	return words(re.ReplaceAllLiteralString(s, by)), true
}

func split(_ *machine, a []value) (value, bool) {
	if len(a) == 0 || len(a) > 3 {
		return nil, false
	}
	t, ok := a[0].(text)
	if !ok || !t.known() {
		return nil, false
	}
	s := t.String()
	var out list
	from := 0
	put := func(to int) { out = append(out, append(text{}, t.cut(from, to)...)) }
	if len(a) == 1 {
		for i, r := range s {
			if unicode.IsSpace(r) {
				if i > from {
					put(i)
				}
				from = i + utf8.RuneLen(r)
			}
		}
		if from < len(s) {
			put(len(s))
		}
		return out, len(out) <= mostElements
	}
	by, ok := a[1].(text)
	if !ok || !by.known() || by.String() == "" || strings.Count(s, by.String()) > mostElements {
		return nil, false
	}
	trimmed := false
	if len(a) == 3 {
		opts, whole := keywordOf(a[2])
		trimmed = given(opts.last("trim"))
		if _, parts := opts.get("parts"); parts || !whole {
			return nil, false
		}
	}
	for {
		i := strings.Index(s[from:], by.String())
		to := len(s)
		if i >= 0 {
			to = from + i
		}
		if to > from || !trimmed {
			put(to)
		}
		if i < 0 {
			return out, true
		}
		from = to + len(by.String())
	}
}

func duplicate(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	t, ok := a[0].(text)
	n, isInt := small(a[1])
	if !ok || !isInt || !t.known() || n < 0 || n*int64(len(t.String())) > longest || n > longest {
		return nil, false
	}
	return words(strings.Repeat(t.String(), int(n))), true
}

func slice(_ *machine, a []value) (value, bool) {
	if len(a) != 3 {
		return nil, false
	}
	t, ok := a[0].(text)
	from, ok1 := small(a[1])
	n, ok2 := small(a[2])
	if !ok || !ok1 || !ok2 || !t.known() || from < 0 || n < 0 {
		return nil, false
	}
	r := []rune(t.String())
	lo := min(from, int64(len(r)))
	return words(string(r[lo:min(lo+n, int64(len(r)))])), true
}

func getKey(_ *machine, a []value) (value, bool) {
	if len(a) < 2 || len(a) > 3 {
		return nil, false
	}
	var otherwise value = null
	if len(a) == 3 {
		otherwise = a[2]
	}
	if mp, ok := a[0].(*mapping); ok {
		if v, ok := mp.get(a[1]); ok {
			return v, true
		}
		return otherwise, known(mp)
	}
	k, whole := keywordOf(a[0])
	key, ok := a[1].(atom)
	if !ok {
		return nil, false
	}
	if v, ok := k.get(string(key)); ok {
		return v, true
	}
	return otherwise, whole
}

func onKeys(f func(pair) value) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) != 1 {
			return nil, false
		}
		k, whole := keywordOf(a[0])
		out := make(list, len(k))
		for i, p := range k {
			out[i] = f(p)
		}
		return out, whole
	}
}

func onPairs(f func(tuple) value) pure {
	return func(_ *machine, a []value) (value, bool) {
		return one(a, func(v value) (value, bool) {
			mp, ok := v.(*mapping)
			if !ok {
				return nil, false
			}
			out := make(list, len(mp.pairs))
			for i, p := range mp.pairs {
				out[i] = f(p)
			}
			return out, true
		})
	}
}

func times(n int64) pure {
	return func(m *machine, a []value) (value, bool) { return kernel["*"](m, append([]value{integer(n)}, a...)) }
}

// mapOf is Map.new of pairs, perhaps with a function that makes them.
func mapOf(m *machine, a []value) (value, bool) {
	if len(a) == 2 {
		l, ok := functions["Enum.map"](m, a)
		if !ok {
			return nil, false
		}
		a = []value{l}
	}
	if len(a) == 0 {
		return &mapping{}, true
	}
	return into(m, []value{a[0], &mapping{}})
}

func putMap(_ *machine, a []value) (value, bool) {
	if len(a) != 3 {
		return nil, false
	}
	mp, ok := a[0].(*mapping)
	if !ok || len(mp.pairs) > mostKeys {
		return nil, false
	}
	return mp.put(a[1], a[2]), true
}

func sum(m *machine, a []value) (value, bool) {
	return onItems(a, func(l []value) (value, bool) {
		total := integer(0)
		for _, v := range l {
			t, ok := kernel["+"](m, []value{total, v})
			if !ok {
				return nil, false
			}
			total = t
		}
		return total, true
	})
}

func mergeKeys(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	x, ok1 := keywordOf(a[0])
	y, ok2 := keywordOf(a[1])
	return x.merge(y).list(), ok1 && ok2
}

// keyed is a keyword list and a key.
func keyed(a []value, arity int) (k keyword, key string, ok bool) {
	if len(a) != arity {
		return nil, "", false
	}
	k, whole := keywordOf(a[0])
	name, isAtom := a[1].(atom)
	return k, string(name), whole && isAtom
}

func putKey(_ *machine, a []value) (value, bool) {
	k, key, ok := keyed(a, 3)
	if !ok {
		return nil, false
	}
	return k.put(key, a[2]).list(), true
}

func putNew(_ *machine, a []value) (value, bool) {
	k, key, ok := keyed(a, 3)
	if !ok {
		return nil, false
	}
	if _, has := k.get(key); !has {
		k = k.put(key, a[2])
	}
	return k.list(), true
}

func deleteKey(_ *machine, a []value) (value, bool) {
	k, key, ok := keyed(a, 2)
	if !ok {
		return nil, false
	}
	return k.without(key).list(), true
}

func hasKey(_ *machine, a []value) (value, bool) {
	k, key, ok := keyed(a, 2)
	if !ok {
		return nil, false
	}
	_, has := k.get(key)
	return boolean(has), true
}
