package diff

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"slices"
	"strings"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/diff/lines"
)

// patchContext is the number of unchanged lines around a change in a patch.
const patchContext = 3

// Patch writes what turns the old tree into the new one, in git's extended unified format: `git apply` takes it and gives
// the new tree byte for byte, with binary files, renames and modes. Nothing is normalised or left out.
func Patch(w io.Writer, pairs []Pair) error {
	for _, p := range pairs {
		if _, err := w.Write(p.Patch()); err != nil {
			return fmt.Errorf("write the patch of %q: %w", p.Path(), err)
		}
	}
	return nil
}

// Patch is the pair's part of the patch; nothing if nothing changed.
func (p Pair) Patch() []byte {
	if p.Status == Same && p.Old == p.New {
		return nil
	}
	var b bytes.Buffer
	from, to := p.Old, p.New
	if from == "" {
		from = to
	}
	if to == "" {
		to = from
	}
	fmt.Fprintf(&b, "diff --git %s %s\n", quote("a/"+from), quote("b/"+to))
	p.patchHeader(&b)
	same := bytes.Equal(p.OldFile.Data, p.NewFile.Data)
	if p.Old != "" && p.New != "" && same {
		return b.Bytes()
	}
	fmt.Fprintf(&b, "index %s..%s", p.blob(p.Old, p.OldFile), p.blob(p.New, p.NewFile))
	if p.Old != "" && p.New != "" && p.OldFile.Executable == p.NewFile.Executable {
		fmt.Fprintf(&b, " %s", mode(p.NewFile))
	}
	b.WriteByte('\n')
	switch {
	case same: // empty
	case hasZero(p.OldFile.Data) || hasZero(p.NewFile.Data):
		writeBinary(&b, p.OldFile.Data, p.NewFile.Data)
	default:
		fmt.Fprintf(&b, "--- %s\n+++ %s\n", patchSide("a/", p.Old), patchSide("b/", p.New))
		p.writeHunks(&b)
	}
	return b.Bytes()
}

func (p Pair) patchHeader(b *bytes.Buffer) {
	switch {
	case p.Old == "":
		fmt.Fprintf(b, "new file mode %s\n", mode(p.NewFile))
		return
	case p.New == "":
		fmt.Fprintf(b, "deleted file mode %s\n", mode(p.OldFile))
		return
	}
	if p.OldFile.Executable != p.NewFile.Executable {
		fmt.Fprintf(b, "old mode %s\nnew mode %s\n", mode(p.OldFile), mode(p.NewFile))
	}
	if p.Old != p.New {
		fmt.Fprintf(b, "similarity index %d%%\nrename from %s\nrename to %s\n", p.Similarity, quote(p.Old), quote(p.New))
	}
}

func mode(f phoenix.File) string {
	if f.Executable {
		return "100755"
	}
	return "100644"
}

// blob is git's name for a file's content; all zeros where there is none.
func (p Pair) blob(at string, f phoenix.File) string {
	if at == "" {
		return strings.Repeat("0", 2*sha1.Size)
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(f.Data))
	h.Write(f.Data)
	return fmt.Sprintf("%x", h.Sum(nil))
}

func patchSide(prefix, at string) string {
	if at == "" {
		return "/dev/null"
	}
	return quote(prefix + at)
}

// writeHunks writes the hunks between the two files. Lines of the old one that are to be hidden are in none of them.
func (p Pair) writeHunks(b *bytes.Buffer) {
	x, y, changes := p.old, p.new, p.changes
	if !p.plain {
		x, y = lines.Split(string(p.OldFile.Data)), lines.Split(string(p.NewFile.Data))
		changes = lines.Readable(x, y)
	}
	hidden := func(i int) bool { return p.hide != nil && p.hide(x[i]) }
	for _, cc := range apart(gather(changes, patchContext), hidden) {
		r := around(cc, len(x), patchContext)
		first, last := cc[0], cc[len(cc)-1]
		for i := first.Old - 1; i >= r.old; i-- {
			if hidden(i) {
				r.cutBefore(i + 1)
				break
			}
		}
		for i := last.Old + last.Removed; i < r.old+r.removed; i++ {
			if hidden(i) {
				r.cutAfter(i)
				break
			}
		}
		fmt.Fprintf(b, "@@ -%s +%s @@\n", span(r.old, r.removed), span(r.new, r.added))
		at := r.old
		for _, c := range cc {
			writeLines(b, ' ', x[at:c.Old])
			writeLines(b, '-', x[c.Old:c.Old+c.Removed])
			writeLines(b, '+', y[c.New:c.New+c.Added])
			at = c.Old + c.Removed
		}
		writeLines(b, ' ', x[at:r.old+r.removed])
	}
}

// apart parts hunks between whose changes there are lines to be hidden.
func apart(hunks [][]lines.Change, hidden func(int) bool) [][]lines.Change {
	var out [][]lines.Change
	for _, cc := range hunks {
		start := 0
		for i := 1; i < len(cc); i++ {
			for l := cc[i-1].Old + cc[i-1].Removed; l < cc[i].Old; l++ {
				if hidden(l) {
					out = append(out, cc[start:i])
					start = i
					break
				}
			}
		}
		out = append(out, cc[start:])
	}
	return out
}

// cutBefore leaves out the context before a line of the old text.
func (e *extent) cutBefore(line int) {
	n := line - e.old
	e.old, e.removed, e.new, e.added = e.old+n, e.removed-n, e.new+n, e.added-n
}

// cutAfter leaves out the context from a line of the old text.
func (e *extent) cutAfter(line int) {
	n := e.old + e.removed - line
	e.removed, e.added = e.removed-n, e.added-n
}

func writeLines(b *bytes.Buffer, op byte, ll []string) {
	for _, l := range ll {
		b.WriteByte(op)
		b.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// span of a hunk's header: lines count from 1, and an empty span names the line before it.
func span(at, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", at)
	case 1:
		return fmt.Sprintf("%d", at+1)
	}
	return fmt.Sprintf("%d,%d", at+1, n)
}

// PatchWithout is Patch without the changes for which a line would have to be written that is a secret. Surroundings are cut
// short before such a line where git apply allows it. It names the changes that were left out by their line in the old
// text, counted from 1; 0 is the whole file.
func (p Pair) PatchWithout(secret func(line string) bool) (patch []byte, left []int) {
	if hasZero(p.OldFile.Data) || hasZero(p.NewFile.Data) {
		return p.Patch(), nil
	}
	x, y := lines.Split(string(p.OldFile.Data)), lines.Split(string(p.NewFile.Data))
	if p.Old == "" || p.New == "" {
		if slices.ContainsFunc(x, secret) || slices.ContainsFunc(y, secret) {
			return nil, []int{0}
		}
		return p.Patch(), nil
	}
	for {
		text, without := leave(x, y, secret)
		if without == nil {
			break
		}
		// With a change gone others may lie differently, so it is looked at again.
		left, y = append(left, without...), text
	}
	slices.Sort(left)
	p.NewFile.Data = []byte(strings.Join(y, ""))
	p.hide, p.plain = secret, false
	if bytes.Equal(p.NewFile.Data, p.OldFile.Data) && p.OldFile.Executable == p.NewFile.Executable && p.Old == p.New {
		return nil, left
	}
	return p.Patch(), left
}

// leave takes back the changes that cannot be told without a secret, and names their lines.
func leave(x, y []string, secret func(string) bool) (text []string, left []int) {
	kept := 0
	for _, c := range lines.Readable(x, y) {
		// What comes right after a change has to be there: git takes a hunk that ends without it for the file's end. What
		// is added at the end needs the line before.
		end := c.Old + c.Removed
		near := x[c.Old:min(end+1, len(x))]
		if len(near) == 0 && c.Old > 0 {
			near = x[c.Old-1:]
		}
		if slices.ContainsFunc(near, secret) || slices.ContainsFunc(y[c.New:c.New+c.Added], secret) {
			left = append(left, c.Old+1)
			continue
		}
		text = slices.Concat(text, x[kept:c.Old], y[c.New:c.New+c.Added])
		kept = end
	}
	return append(text, x[kept:]...), left
}
