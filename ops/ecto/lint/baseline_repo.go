package lint

import (
	"slices"
	"strings"
)

// For is the part of a baseline that one of several repos answers for: the entries in its directories, and those in no
// repo's. dirs are its own, others those of the rest.
func (b *Baseline) For(dirs, others []string) *Baseline {
	if b == nil {
		return nil
	}
	in := func(path string, dirs []string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return d == "." || path == d || strings.HasPrefix(path, d+"/") })
	}
	out := &Baseline{Path: b.Path}
	for _, e := range b.Entries {
		if in(e.Path, dirs) || !in(e.Path, others) {
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}
