package lower

// What costs more than a step is charged by its weight, so that nothing takes longer than its steps allow: lists that are
// doubled again and again, texts that are copied into others, and values that are within each other many times over.

// weight is how many parts a value has, those that it has several times counted as often, and not beyond most.
func weight(v value, most int) int {
	n := 1
	within := func(vv []value) {
		for _, x := range vv {
			if n >= most {
				return
			}
			n += weight(x, most-n)
		}
	}
	switch v := v.(type) {
	case text:
		for _, p := range v {
			n += len(p.s)/64 + 1
		}
	case charlist:
		return weight(v.text, most)
	case list:
		within(v)
	case tuple:
		within(v)
	case *mapping:
		for _, p := range v.pairs {
			within(p)
		}
	}
	return n
}

// weighed is a value, or nothing that is known where there is too much of it.
func (m *machine) weighed(v value) value {
	w := weight(v, mostWeight)
	m.steps += w / 32
	if w >= mostWeight || m.steps > mostSteps {
		return unknown{text: "…"}
	}
	return v
}

// fold calls a function that is known, if that is not too much.
func (m *machine) fold(f pure, args []value) (value, bool) {
	for _, a := range args {
		m.steps += weight(a, mostWeight) / 32
	}
	if m.steps > mostSteps {
		return nil, false
	}
	v, ok := f(m, args)
	if !ok {
		return nil, false
	}
	return m.weighed(v), true
}
