package lint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/renameio/v2"
)

// Baseline is the findings that were there when it was made: they are shown as suppressed.
type Baseline struct {
	Path    string          `json:"-"`
	Entries []BaselineEntry `json:"findings"` // by path, rule, hash; a finding that is there twice has two
}

// BaselineEntry is a finding, known again by rule, file and the text of its line, so that it survives lines above it.
type BaselineEntry struct {
	Rule   string `json:"rule"`
	Path   string `json:"path"` // relative to the project, with slashes
	Hash   string `json:"line"` // of the line's text without space around it: SHA-256, the first 16 hex digits
	Reason string `json:"reason,omitempty"`
}

// baselineVersion is of the file's format.
const baselineVersion = 1

// baselineFile is a Baseline as it is written.
type baselineFile struct {
	Version int `json:"version"`
	Baseline
}

// NewBaseline is all findings that nothing suppresses yet. sources are by path, as in Input.
func NewBaseline(sources map[string][]byte, findings []Finding, reason string) *Baseline {
	b := &Baseline{Entries: []BaselineEntry{}}
	lines := lineCache{}
	for _, f := range findings {
		if f.Suppressed != nil {
			continue
		}
		e := lines.entry(sources, f)
		e.Reason = reason
		b.Entries = append(b.Entries, e)
	}
	slices.SortFunc(b.Entries, func(a, b BaselineEntry) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Reason, b.Reason))
	})
	return b
}

// ReadBaseline reads what Write wrote.
func ReadBaseline(path string) (*Baseline, error) {
	// Which file that is may come from the project: it must not be one without an end.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	var f baselineFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("baseline %s: %w", path, err)
	}
	if f.Version != baselineVersion {
		return nil, fmt.Errorf("baseline %s: version %d, and only %d can be read: write it again", path, f.Version, baselineVersion)
	}
	for _, e := range f.Entries {
		if e.Rule == "" || e.Path == "" || e.Hash == "" {
			return nil, fmt.Errorf("baseline %s: %w", path, errors.New("an entry lacks its rule, path or line"))
		}
	}
	f.Baseline.Path = path
	return &f.Baseline, nil
}

// Write writes the baseline, in the place of what is there. The same findings give the same bytes.
func (b *Baseline) Write(path string) error {
	text, err := json.MarshalIndent(baselineFile{baselineVersion, *b}, "", "  ")
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	if err := renameio.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("baseline %s: %w", path, err)
	}
	return nil
}

// lineCache is the lines of files, by path.
type lineCache map[string][][]byte

// entry is what a finding is known again by.
func (c lineCache) entry(sources map[string][]byte, f Finding) BaselineEntry {
	lines, ok := c[f.Path]
	if !ok {
		lines = bytes.Split(sources[f.Path], []byte("\n"))
		c[f.Path] = lines
	}
	var text []byte
	if n := f.At.Line - 1; n >= 0 && n < len(lines) {
		text = bytes.TrimSpace(lines[n])
	}
	sum := sha256.Sum256(text)
	return BaselineEntry{Rule: f.Rule, Path: f.Path, Hash: hex.EncodeToString(sum[:8])}
}
