package lower

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
