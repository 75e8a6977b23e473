package health

import (
	"fmt"
	"strconv"
	"strings"
)

// statuses is a set of HTTP statuses, as ranges with both ends in.
type statuses [][2]int

// parseStatuses reads "200", "200-399" or several of these with commas.
func parseStatuses(s string) (statuses, error) {
	var out statuses
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			hi = lo
		}
		l, errL := strconv.Atoi(strings.TrimSpace(lo))
		h, errH := strconv.Atoi(strings.TrimSpace(hi))
		if errL != nil || errH != nil || l < 100 || h > 599 || l > h {
			return nil, fmt.Errorf("%q is not a status or a range of them, like 200 or 200-399", part)
		}
		out = append(out, [2]int{l, h})
	}
	return out, nil
}

func (s statuses) has(status int) bool {
	for _, r := range s {
		if status >= r[0] && status <= r[1] {
			return true
		}
	}
	return false
}
