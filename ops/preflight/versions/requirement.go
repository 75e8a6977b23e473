package versions

import (
	"strconv"
	"strings"
)

// Satisfies says whether a version fulfils a requirement as Elixir writes them: "~> 1.18", ">= 1.14.0 and < 2.0.0",
// "~> 1.6 or ~> 1.7" (https://hexdocs.pm/elixir/Version.html#module-requirements). A version that is given in part, like 27,
// fulfils one that some version beginning so does. known is false where either is not understood.
func Satisfies(version, requirement string) (yes, known bool) {
	v, ok := parts(version)
	if !ok {
		return false, false
	}
	any := false
	for alternative := range strings.SplitSeq(strings.ReplaceAll(requirement, "||", " or "), " or ") {
		all := true
		for one := range strings.SplitSeq(strings.ReplaceAll(alternative, "&&", " and "), " and ") {
			holds, ok := satisfiesOne(v, strings.TrimSpace(one))
			if !ok {
				return false, false
			}
			all = all && holds
		}
		any = any || all
	}
	return any, true
}

func satisfiesOne(v []int, one string) (yes, known bool) {
	op := strings.TrimSpace(strings.TrimRight(one, "0123456789.-+abcdefghijklmnopqrstuvwxyz"))
	want, ok := parts(strings.TrimSpace(strings.TrimPrefix(one, op)))
	if !ok {
		return false, false
	}
	order, same := compare(v, want)
	switch op {
	case "", "==":
		return same, true
	case "!=":
		return !same || len(v) < len(want), true
	case ">":
		return order > 0 || same && len(v) < len(want), true
	case ">=":
		return order > 0 || same, true
	case "<":
		return order < 0, true
	case "<=":
		return order < 0 || same, true
	case "~>":
		if len(want) < 2 {
			return false, false
		}
		_, fits := compare(v, want[:len(want)-1])
		return fits && (order > 0 || same), true
	}
	return false, false
}

// compare orders two versions as far as both are given; same says that one begins with the other.
func compare(a, b []int) (order int, same bool) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			if a[i] < b[i] {
				return -1, false
			}
			return 1, false
		}
	}
	return 0, true
}

// parts are the numbers of a version; what follows a - or + is left out.
func parts(s string) ([]int, bool) {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "-")
	s, _, _ = strings.Cut(s, "+")
	var out []int
	for p := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || len(out) == 6 {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}
