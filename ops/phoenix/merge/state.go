package merge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"ops-console/ops/phoenix"
)

// Progress of an upgrade, kept in a file between runs: which files are done, which come from another version than the rest,
// and what was written. It holds names and checksums, no text.
type Progress struct {
	file string
	data progress
}

type progress struct {
	Done  map[string]bool   `json:"done,omitempty"`
	Wrote map[string]string `json:"wrote,omitempty"` // path: SHA-256 of what an apply wrote there
	Bases map[string]string `json:"bases,omitempty"` // as Done: version
}

// ProgressName is the name of the file for an upgrade of a project, given by its absolute directory.
func ProgressName(project string, base, new phoenix.Spec) string {
	id := fmt.Sprintf("%s\n%s %s %s\n%s %s %s", project, base.Axis, base.Version, base.Flags, new.Axis, new.Version, new.Flags)
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8]) + ".json"
}

// OpenProgress reads the progress kept in a file; none is there yet: nothing is done.
func OpenProgress(file string) (*Progress, error) {
	p := &Progress{file: file}
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read the progress of the upgrade: %w", err)
	default:
		if err := json.Unmarshal(b, &p.data); err != nil {
			return nil, fmt.Errorf("read the progress of the upgrade in %s: %w; remove the file to begin anew", file, err)
		}
	}
	if p.data.Done == nil {
		p.data.Done = map[string]bool{}
	}
	if p.data.Wrote == nil {
		p.data.Wrote = map[string]string{}
	}
	if p.data.Bases == nil {
		p.data.Bases = map[string]string{}
	}
	for path, text := range p.data.Bases {
		if _, err := phoenix.ParseVersion(text); err != nil {
			return nil, fmt.Errorf("read the progress of the upgrade in %s: what %s comes from: %w; remove the file to begin anew", file, path, err)
		}
	}
	return p, nil
}

// Done says whether a file was marked.
func (p *Progress) Done(path string) bool { return p.data.Done[path] }

// Count of the files that are marked.
func (p *Progress) Count() int { return len(p.data.Done) }

// Paths that are marked, sorted.
func (p *Progress) Paths() []string { return slices.Sorted(maps.Keys(p.data.Done)) }

// Mark a file as done, or not, and keep it.
func (p *Progress) Mark(path string, done bool) error {
	if done {
		p.data.Done[path] = true
	} else {
		delete(p.data.Done, path)
	}
	return p.save()
}

// Bases are the versions that single files come from, where that is another than the rest comes from, by path as Mark has it.
func (p *Progress) Bases() map[string]phoenix.Version {
	out := map[string]phoenix.Version{}
	for path, text := range p.data.Bases {
		if v, err := phoenix.ParseVersion(text); err == nil { // OpenProgress refuses others
			out[path] = v
		}
	}
	return out
}

// Rebase says which version a file comes from, and keeps it; the zero version: the one that the rest comes from.
func (p *Progress) Rebase(path string, v phoenix.Version) error {
	if v == (phoenix.Version{}) {
		delete(p.data.Bases, path)
	} else {
		p.data.Bases[path] = v.String()
	}
	return p.save()
}

// sums of what was written, by path.
func (p *Progress) sums() map[string]string {
	if p == nil {
		return nil
	}
	return p.data.Wrote
}

// wrote keeps what was written.
func (p *Progress) wrote(ww []Written) error {
	if p == nil {
		return nil
	}
	for _, w := range ww {
		p.data.Wrote[w.Path] = w.sum
	}
	return p.save()
}

func (p *Progress) save() error {
	b, err := json.MarshalIndent(p.data, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the progress of the upgrade: %w", err)
	}
	err = cmp.Or(os.MkdirAll(filepath.Dir(p.file), 0o700), renameio.WriteFile(p.file, append(b, '\n'), 0o600))
	if err != nil {
		return fmt.Errorf("keep the progress of the upgrade: %w", err)
	}
	return nil
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
