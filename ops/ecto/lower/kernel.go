package lower

import (
	"math/big"
	"slices"
	"strings"
)

// pure is a function that gives the same for the same arguments; ok is false where they are not known well enough, or
// where it would raise.
type pure func(m *machine, args []value) (v value, ok bool)

// kernel are the operators and functions of Kernel.
var kernel map[string]pure

func init() {
	kernel = map[string]pure{
		"<>": func(_ *machine, a []value) (value, bool) {
			if len(a) != 2 {
				return nil, false
			}
			return piece2(a[0]).join(piece2(a[1])), true
		},
		"++": func(_ *machine, a []value) (value, bool) {
			x, y, ok := lists(a)
			if !ok || len(x)+len(y) > mostElements {
				return nil, false
			}
			return slices.Concat(x, y), true
		},
		"--": func(_ *machine, a []value) (value, bool) {
			x, y, ok := lists(a)
			if !ok || !known(x) || !known(y) {
				return nil, false
			}
			out := slices.Clone(x)
			for _, v := range y {
				for i, w := range out {
					if same, _ := equal(v, w); same {
						out = slices.Delete(out, i, i+1)
						break
					}
				}
			}
			return out, true
		},
		"==":  compare(true),
		"===": compare(true),
		"!=":  compare(false),
		"!==": compare(false),
		"<":   order(func(c int) bool { return c < 0 }),
		">":   order(func(c int) bool { return c > 0 }),
		"<=":  order(func(c int) bool { return c <= 0 }),
		">=":  order(func(c int) bool { return c >= 0 }),
		"!":   negate,
		"not": negate,
		"in":  contains,
		"not in": func(m *machine, a []value) (value, bool) {
			v, ok := contains(m, a)
			if !ok {
				return nil, false
			}
			return boolean(v != truth), true
		},
		"+": arithmetic(func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }, func(x, y float64) float64 { return x + y }),
		"-": arithmetic(func(x, y *big.Int) *big.Int { return new(big.Int).Sub(x, y) }, func(x, y float64) float64 { return x - y }),
		"*": arithmetic(func(x, y *big.Int) *big.Int { return new(big.Int).Mul(x, y) }, func(x, y float64) float64 { return x * y }),
		"div": arithmetic(func(x, y *big.Int) *big.Int {
			if y.Sign() == 0 {
				return nil
			}
			return new(big.Int).Quo(x, y)
		}, nil),
		"rem": arithmetic(func(x, y *big.Int) *big.Int {
			if y.Sign() == 0 {
				return nil
			}
			return new(big.Int).Rem(x, y)
		}, nil),
		"/":  silence,
		"..": rangeOf,
		"..//": func(_ *machine, a []value) (value, bool) {
			if len(a) != 3 {
				return nil, false
			}
			x, ok1 := small(a[0])
			y, ok2 := small(a[1])
			z, ok3 := small(a[2])
			return ranging{x, y, z}, ok1 && ok2 && ok3 && z != 0
		},
		"to_string": func(_ *machine, a []value) (value, bool) {
			return one(a, func(v value) (value, bool) { return textOf(v), true })
		},
		"to_charlist": func(_ *machine, a []value) (value, bool) {
			return one(a, func(v value) (value, bool) { return charlist{textOf(v)}, true })
		},
		"inspect": func(_ *machine, a []value) (value, bool) {
			if len(a) == 0 || !known(a[0]) {
				return nil, false
			}
			return words(inspect(a[0])), true
		},
		"length": func(_ *machine, a []value) (value, bool) {
			return onList(a, func(l list) (value, bool) { return integer(int64(len(l))), true })
		},
		"hd": func(_ *machine, a []value) (value, bool) {
			return onList(a, func(l list) (value, bool) { return at(l, 0) })
		},
		"tl": func(_ *machine, a []value) (value, bool) {
			return onList(a, func(l list) (value, bool) { return tail(l) })
		},
		"elem":   elem,
		"is_nil": is(func(v value) bool { return v == null }),
		"is_atom": is(func(v value) bool {
			switch v.(type) {
			case atom, alias:
				return true
			}
			return false
		}),
		"is_binary":    is(func(v value) bool { _, ok := v.(text); return ok }),
		"is_bitstring": is(func(v value) bool { _, ok := v.(text); return ok }),
		"is_list": is(func(v value) bool {
			switch v.(type) {
			case list, charlist:
				return true
			}
			return false
		}),
		"is_tuple":   is(func(v value) bool { _, ok := v.(tuple); return ok }),
		"is_map":     is(func(v value) bool { _, ok := v.(*mapping); return ok }),
		"is_integer": is(func(v value) bool { _, ok := v.(*big.Int); return ok }),
		"is_boolean": is(func(v value) bool { return v == truth || v == lie }),
		"is_float":   is(func(v value) bool { _, ok := v.(float64); return ok }),
		"is_number": is(func(v value) bool {
			switch v.(type) {
			case *big.Int, float64:
				return true
			}
			return false
		}),
		"is_function": is(func(v value) bool { _, ok := v.(*closure); return ok }),
		"then":        func(m *machine, a []value) (value, bool) { return with(m, a, func(_, out value) value { return out }) },
		"tap":         func(m *machine, a []value) (value, bool) { return with(m, a, func(in, _ value) value { return in }) },
		"apply":       silence,
	}
	for _, name := range []string{
		"abs", "binary_part", "bit_size", "byte_size", "ceil", "floor", "function_exported?", "get_in", "put_in", "update_in", "pop_in", "is_struct",
		"is_exception", "is_map_key", "is_pid", "is_port", "is_reference", "macro_exported?", "make_ref", "map_size", "max", "min", "node", "round",
		"self", "send", "spawn", "struct", "struct!", "trunc", "tuple_size", "put_elem", "sigil_D", "sigil_N", "sigil_T", "sigil_U", "sigil_r", "sigil_R",
		"binding", "dbg", "match?", "def", "defp", "defmacro", "defmodule", "defstruct", "receive", "super", "var!", "xor", "is_number", "::", "^", "<-", "->", "\\\\", "when", "|",
		"...", "**", "=~", "&&&", "|||", "unquote_splicing", "import", "destructure", "get_and_update_in", "stacktrace", "reraise", "spawn_link", "nil",
		"__ENV__", "__CALLER__", "__STACKTRACE__", "__struct__", "field", "assoc", "sigil_p", "sigil_i", "sigil_x", "sigil_q", "sigil_Q", "sigil_j", "sigil_J", "sigil_SQL", "sigil_sql",
	} {
		if kernel[name] == nil {
			kernel[name] = silence
		}
	}
}

func silence(*machine, []value) (value, bool) { return nil, false }

// piece2 is an operand of <>.
func piece2(v value) text {
	if t, ok := v.(text); ok {
		return t
	}
	if u, ok := v.(unknown); ok {
		return hole(u.source())
	}
	if o, ok := v.(own); ok {
		return textOf(o)
	}
	return hole(inspect(v))
}

func lists(a []value) (x, y list, ok bool) {
	if len(a) != 2 {
		return nil, nil, false
	}
	x, ok1 := a[0].(list)
	y, ok2 := a[1].(list)
	return x, y, ok1 && ok2
}

func compare(same bool) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) != 2 {
			return nil, false
		}
		is, ok := equal(a[0], a[1])
		return boolean(is == same), ok
	}
}

func order(holds func(int) bool) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) != 2 {
			return nil, false
		}
		switch x := a[0].(type) {
		case *big.Int:
			if y, ok := a[1].(*big.Int); ok {
				return boolean(holds(x.Cmp(y))), true
			}
		case text:
			if y, ok := a[1].(text); ok && x.known() && y.known() {
				return boolean(holds(strings.Compare(x.String(), y.String()))), true
			}
		}
		return nil, false
	}
}

func negate(_ *machine, a []value) (value, bool) {
	if len(a) != 1 {
		return nil, false
	}
	yes, ok := truthy(a[0])
	return boolean(!yes), ok
}

func contains(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	l, ok := elements(a[1])
	if !ok {
		return nil, false
	}
	sure := true
	for _, v := range l {
		same, ok := equal(a[0], v)
		if ok && same {
			return truth, true
		}
		sure = sure && ok
	}
	return lie, sure
}

// arithmetic is an operator on numbers.
func arithmetic(ints func(x, y *big.Int) *big.Int, floats func(x, y float64) float64) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) == 1 {
			a = []value{integer(0), a[0]} // -x
		}
		if len(a) != 2 {
			return nil, false
		}
		x, ok1 := a[0].(*big.Int)
		y, ok2 := a[1].(*big.Int)
		if ok1 && ok2 {
			if x.BitLen() > 4096 || y.BitLen() > 4096 {
				return nil, false
			}
			z := ints(x, y)
			return z, z != nil
		}
		f, ok1 := float(a[0])
		g, ok2 := float(a[1])
		if !ok1 || !ok2 || floats == nil {
			return nil, false
		}
		return floats(f, g), true
	}
}

func float(v value) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, true
	}
	return 0, false
}

func small(v value) (int64, bool) {
	i, ok := v.(*big.Int)
	if !ok || !i.IsInt64() || i.BitLen() > 60 {
		return 0, false
	}
	return i.Int64(), true
}

func rangeOf(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	x, ok1 := small(a[0])
	y, ok2 := small(a[1])
	step := int64(1)
	if y < x {
		step = -1
	}
	return ranging{x, y, step}, ok1 && ok2
}

func one(a []value, f func(value) (value, bool)) (value, bool) {
	if len(a) != 1 {
		return nil, false
	}
	return f(a[0])
}

func onList(a []value, f func(list) (value, bool)) (value, bool) {
	return one(a, func(v value) (value, bool) {
		l, ok := v.(list)
		if !ok {
			return nil, false
		}
		return f(l)
	})
}

func at(l list, i int) (value, bool) {
	if i < 0 {
		i += len(l)
	}
	if i < 0 || i >= len(l) {
		return null, false
	}
	return l[i], true
}

func tail(l list) (value, bool) {
	if len(l) == 0 {
		return nil, false
	}
	return l[1:], true
}

func elem(_ *machine, a []value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	t, ok := a[0].(tuple)
	i, isInt := small(a[1])
	if !ok || !isInt || i < 0 || i >= int64(len(t)) {
		return nil, false
	}
	return t[i], true
}

func is(f func(value) bool) pure {
	return func(_ *machine, a []value) (value, bool) {
		if len(a) != 1 {
			return nil, false
		}
		switch a[0].(type) {
		case unknown, own, quoted:
			return nil, false
		}
		return boolean(f(a[0])), true
	}
}

// with calls a function with a value.
func with(m *machine, a []value, pick func(in, out value) value) (value, bool) {
	if len(a) != 2 {
		return nil, false
	}
	c, ok := a[1].(*closure)
	if !ok {
		return nil, false
	}
	return pick(a[0], m.apply(c, a[:1])), true
}
