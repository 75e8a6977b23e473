package merge

import (
	"fmt"
	"io"

	"ops-console/ops/phoenix/diff"
)

// Withheld is a change that a patch leaves out, since a line of it, or next to it, holds a secret.
type Withheld struct {
	Path string
	Line int // in the application's file, counted from 1; 0: the whole file
}

// Patch writes what Apply would do with the choices as a patch that git apply takes. No line of it holds a secret of the
// application's: changes that cannot be told without one are left out, and named.
func (p Plan) Patch(w io.Writer, choices []Choice) ([]Withheld, error) {
	works, err := p.works(choices)
	if err != nil {
		return nil, err
	}
	var out []Withheld
	for _, k := range works {
		pair := diff.Pair{New: k.target, NewFile: k.out, Status: diff.Added}
		// A file that moves stays where it was, too: Apply deletes nothing.
		if k.file.Mine == k.target {
			pair.Old, pair.OldFile, pair.Status = k.file.Mine, k.file.mine, diff.Changed
		}
		text, hidden := pair.PatchWithout(secretLines(k))
		for _, line := range hidden {
			out = append(out, Withheld{k.target, line})
		}
		if _, err := w.Write(text); err != nil {
			return out, fmt.Errorf("write the patch of %s: %w", k.target, err)
		}
	}
	return out, nil
}
