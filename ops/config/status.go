package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP statuses.
type StatusSet [][2]int

// ParseStatus reads statuses and ranges with commas between them: "200-399", "200,204,301-308".
func ParseStatus(s string) (StatusSet, error) {
	var set StatusSet
	for part := range strings.SplitSeq(s, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			high = low
		}
		a, err1 := strconv.Atoi(strings.TrimSpace(low))
		b, err2 := strconv.Atoi(strings.TrimSpace(high))
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b {
			return nil, fmt.Errorf("%q is not a status or a range of statuses from 100 to 599, like 200-399", strings.TrimSpace(part))
		}
		set = append(set, [2]int{a, b})
	}
	return set, nil
}

// Has tells whether a status is in the set.
func (s StatusSet) Has(status int) bool {
	return slices.ContainsFunc(s, func(r [2]int) bool { return r[0] <= status && status <= r[1] })
}

func statuses(s string) string {
	if _, err := ParseStatus(s); err != nil {
		return "statuses and ranges from 100 to 599 like \"200-399\" or \"200,204\""
	}
	return ""
}
