package merge

import (
	"fmt"
	"io"
	"slices"

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
	for i, k := range works {
		text, left, err := p.export(k, choices[i].Hunks)
		if err != nil {
			return out, err
		}
		for _, line := range left {
			out = append(out, Withheld{k.target, line})
		}
		if _, err := w.Write(text); err != nil {
			return out, fmt.Errorf("write the patch of %s: %w", k.target, err)
		}
	}
	return out, nil
}

// export is one file's part of a patch, and the lines of the hunks that it leaves out.
func (p Plan) export(w work, hunks []int) (text []byte, left []int, err error) {
	secret := secretLines(w)
	pair := diff.Pair{New: w.target, NewFile: w.out, Status: diff.Added}
	// A file that moves stays where it was, too: Apply deletes nothing.
	if w.file.Mine == w.target {
		told := []int{}
		for i, h := range w.file.Hunks {
			switch {
			case hunks != nil && !slices.Contains(hunks, i):
			case w.file.tells(h, secret):
				left = append(left, h.AtMine)
			default:
				told = append(told, i)
			}
		}
		if w.file.text.Chunks != nil {
			if pair.NewFile, _, err = w.file.Result(p, told); err != nil {
				return nil, nil, err
			}
		}
		pair.Old, pair.OldFile, pair.Status = w.file.Mine, w.file.mine, diff.Changed
	}
	text, rest := pair.PatchWithout(secret)
	if len(rest) > 0 {
		// A part of a change is worse than none of it.
		return nil, []int{0}, nil
	}
	return text, left, nil
}

// tells says whether a hunk cannot be told without a secret: it has one, or one is right behind it, where git apply needs
// to see the next line, or at the file's end the one before.
func (f File) tells(h Hunk, secret func(string) bool) bool {
	c := f.text.Chunks[h.chunk]
	near := f.text.mine[c.AtMine:min(c.AtMine+len(c.Mine)+1, len(f.text.mine))]
	if len(near) == 0 && c.AtMine > 0 {
		near = f.text.mine[c.AtMine-1:]
	}
	return slices.ContainsFunc(near, secret) || slices.ContainsFunc(c.Theirs, secret) ||
		c.Kind == Conflict && slices.ContainsFunc(c.Base, secret)
}
