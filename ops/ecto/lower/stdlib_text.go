package lower

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
