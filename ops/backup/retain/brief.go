package retain

import (
	"slices"
	"strings"
)

// Brief is a decision in few words, for a column of a table: "last, hourly, daily", where Reasons have which one of how many,
// and of what hour.
func (d Decision) Brief() string {
	switch {
	case d.ID == "":
		return ""
	case d.Frozen != "":
		return "frozen"
	case !d.Keep:
		return "may go"
	}
	var out []string
	for _, s := range d.Reasons {
		if strings.HasPrefix(s, "pinned: ") {
			s = "pinned" // why is told beside it
		}
		s, _, _ = strings.Cut(s, " (")
		if word, rest, ok := strings.Cut(s, " "); ok && strings.Contains(rest, " of ") && !strings.HasSuffix(word, ":") {
			s = word
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}
