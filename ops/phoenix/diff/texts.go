package diff

import "ops-console/ops/phoenix/diff/lines"

// Texts sets lines against others as one hunk, all of them, with what changed in each: for texts that are in no tree, as they
// are.
func Texts(old, new []string) Hunk {
	p := Pair{old: old, new: new, changes: lines.Changes(old, new)}
	if len(p.changes) > 0 {
		return p.hunk(p.changes, max(len(old), len(new)))
	}
	h := Hunk{OldStart: 1, OldLines: len(old), NewStart: 1, NewLines: len(new)}
	for i, l := range old {
		h.Lines = append(h.Lines, Line{Context, i + 1, i + 1, bare(l), nil, -1})
	}
	return h
}
