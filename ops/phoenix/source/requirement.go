package source

import (
	"fmt"
	"strings"

	"ops-console/ops/phoenix"
)

// satisfies says whether a version meets a requirement as Elixir writes them: ~> 1.15, >= 1.4.0 and < 2.0.0, ~> 1.3 or ~> 1.4.
func satisfies(requirement string, v phoenix.Version) (bool, error) {
	for _, either := range strings.Split(requirement, " or ") {
		all := true
		for _, one := range strings.Split(either, " and ") {
			ok, err := meets(strings.TrimSpace(one), v)
			if err != nil {
				return false, fmt.Errorf("%.80q is no requirement: %w", requirement, err)
			}
			all = all && ok
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

func meets(one string, v phoenix.Version) (bool, error) {
	op, text := "==", one
	for _, o := range []string{"~>", ">=", "<=", "==", "!=", ">", "<"} {
		if rest, ok := strings.CutPrefix(one, o); ok {
			op, text = o, strings.TrimSpace(rest)
			break
		}
	}
	w, err := phoenix.ParseVersion(text)
	if err != nil {
		return false, err
	}
	n := v.Compare(w)
	switch op {
	case ">=":
		return n >= 0, nil
	case ">":
		return n > 0, nil
	case "<=":
		return n <= 0, nil
	case "<":
		return n < 0, nil
	case "!=":
		return n != 0, nil
	case "~>":
		release, _, _ := strings.Cut(text, "-")
		next := v.Major == w.Major
		if strings.Count(release, ".") == 2 {
			next = next && v.Minor == w.Minor
		}
		return n >= 0 && next, nil
	}
	return n == 0, nil
}
