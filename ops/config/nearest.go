package config

import "strings"

// nearest is the known key that name was most likely meant to be, or empty: one with the same last part in another
// section, else the one that differs by the fewest slips, if these are few.
func nearest(name string, known []string) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	best, at := "", 1+min(3, (len(name)+2)/3)
	for _, k := range known {
		if k[strings.LastIndexByte(k, '.')+1:] == last {
			return k
		}
		if d := slips(name, k); d < at {
			best, at = k, d
		}
		// A key written without its section, or under another one.
		if d := slips(last, k[strings.LastIndexByte(k, '.')+1:]); d < min(at, 1+len(last)/4) {
			best, at = k, d
		}
	}
	return best
}

// slips is the number of letters to insert, drop or change to make b of a (Levenshtein).
func slips(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
