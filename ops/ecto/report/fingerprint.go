package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"ops-console/ops/ecto/lint"
)

// fingerprints knows findings again, from one run to the next: by rule, file, direction and the text of the line, so that
// they survive lines above it, and by number where those are the same. A baseline knows them by the same.
type fingerprints struct {
	lines map[*Repo]map[string][][]byte
	seen  map[string]int
}

func newFingerprints() *fingerprints {
	return &fingerprints{map[*Repo]map[string][][]byte{}, map[string]int{}}
}

// of is the next finding's, 32 hexadecimal digits. Findings have to come in their order.
func (p *fingerprints) of(r *Repo, f *lint.Finding) string {
	key := fmt.Sprintf("%q %q %q %t %q", r.Input.Repo.Module, f.Rule, r.path(f.Path), f.Down, bytes.TrimSpace(p.line(r, f)))
	n := p.seen[key]
	p.seen[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", key, n))
	return hex.EncodeToString(sum[:16])
}

func (p *fingerprints) line(r *Repo, f *lint.Finding) []byte {
	files := p.lines[r]
	if files == nil {
		files = map[string][][]byte{}
		p.lines[r] = files
	}
	lines, ok := files[f.Path]
	if !ok {
		lines = bytes.Split(r.Input.Sources[f.Path], []byte("\n"))
		files[f.Path] = lines
	}
	if n := f.At.Line - 1; n >= 0 && n < len(lines) {
		return lines[n]
	}
	// Of a finding without a line its text is all there is.
	return []byte(f.Text)
}
