package lower

import (
	"strings"
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
