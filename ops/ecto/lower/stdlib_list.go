package lower

import (
	"slices"
	"strings"
)

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
