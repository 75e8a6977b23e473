package table

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sahilm/fuzzy"
)

// Filter is a parsed filter. The zero value matches everything.
type Filter struct{ terms []term }

type term struct {
	not  bool
	text string         // lower case, looked for anywhere; or
	re   *regexp.Regexp // a regular expression; or
	near string         // letters in this order
}

// longestTerm keeps a pasted novel from being compiled.
const longestTerm = 200

// ParseFilter reads a filter: words that all have to match, in any order and case. A word is looked for as it stands;
// one with any of . * + ? ( [ { | ^ $ \ is a regular expression, if it is a correct one; ~word needs only its letters
// in that order; !word must not match.
func ParseFilter(s string) Filter {
	var f Filter
	for w := range strings.FieldsSeq(s) {
		w = w[:min(len(w), longestTerm)]
		var t term
		if rest, ok := strings.CutPrefix(w, "!"); ok {
			t.not, w = true, rest
		}
		if rest, ok := strings.CutPrefix(w, "~"); ok {
			t.near = rest
		} else if strings.ContainsAny(w, `.*+?([{|^$\`) {
			t.re, _ = regexp.Compile("(?i)" + w)
		}
		if t.re == nil && t.near == "" {
			t.text = strings.ToLower(w)
		}
		if t.re != nil || t.near != "" || t.text != "" && t.text != "~" {
			f.terms = append(f.terms, t)
		}
	}
	return f
}

// Empty is true where everything matches.
func (f Filter) Empty() bool { return len(f.terms) == 0 }

// Match says whether a text passes.
func (f Filter) Match(s string) bool {
	for _, t := range f.terms {
		if t.match(s) == t.not {
			return false
		}
	}
	return true
}

// Find is where the first of what a text passes by stands in it at or after byte from: the words and expressions that must
// match, not those that must not, nor letters in an order. False: nowhere.
func (f Filter) Find(s string, from int) (begin, end int, ok bool) {
	for _, t := range f.terms {
		b, e := t.find(s, from)
		if b >= 0 && e > b && (!ok || b < begin || b == begin && e > end) {
			begin, end, ok = b, e, true
		}
	}
	return begin, end, ok
}

// find is where a term first stands in s at or after from; a negative number: nowhere.
func (t term) find(s string, from int) (begin, end int) {
	switch {
	case t.not || t.near != "" || from > len(s):
		return -1, -1
	case t.re != nil:
		if at := t.re.FindStringIndex(s[from:]); at != nil && (from == 0 || !strings.HasPrefix(t.re.String(), "(?i)^")) {
			return from + at[0], from + at[1]
		}
		return -1, -1
	}
	for i := from; i+len(t.text) <= len(s); i++ {
		if containsFold(s[i:i+len(t.text)], t.text) {
			return i, i + len(t.text)
		}
	}
	return -1, -1
}

func (t term) match(s string) bool {
	switch {
	case t.re != nil:
		return t.re.MatchString(s)
	case t.near != "":
		return len(fuzzy.Find(t.near, []string{s})) > 0
	}
	return containsFold(s, t.text)
}

// containsFold is strings.Contains of the lower case of s, without making it where s is ASCII.
func containsFold(s, lower string) bool {
	if lower == "" {
		return true
	}
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.Contains(strings.ToLower(s), lower)
		}
	}
	for i := 0; i+len(lower) <= len(s); i++ {
		j := 0
		for j < len(lower) && fold(s[i+j]) == lower[j] {
			j++
		}
		if j == len(lower) {
			return true
		}
	}
	return false
}

func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
