package deploy

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The nonces of leases are kept in a file beside the journal, mode 0600, so that a process that goes on after another was
// killed renews its leases at once, and does not wait until they have lapsed. They are nowhere else. Whoever has the
// journal's lock is the only one who reads or writes the file; a copy of it, on this computer or another, is worth nothing,
// or two processes could hold the same lease.

const keptExt = ".leases"

// kept is what is in the file.
type kept struct {
	Holder  string            `json:"holder"`
	Journal string            `json:"journal"` // which file it lay beside
	Nonces  map[string]string `json:"nonces"`  // by machine
}

// keeper writes the file where something changed.
type keeper struct {
	path string
	kept
}

// keeper reads what was kept for somebody. Where the file is not theirs, or cannot be read, nothing was.
func (d *Deployment) keeper(holder string) *keeper {
	k := &keeper{path: strings.TrimSuffix(d.path, journalExt) + keptExt}
	id := d.file.Identity()
	if b, err := os.ReadFile(k.path); err != nil || json.Unmarshal(b, &k.kept) != nil || k.Holder != holder || k.Journal != id || id == "" {
		k.kept = kept{}
	}
	k.Holder, k.Journal = holder, id
	known := maps.Clone(k.Nonces)
	if known == nil {
		known = map[string]string{}
	}
	maps.Copy(known, d.nonces)
	k.Nonces = known
	return k
}

// keep has the file say which nonces there are. That it could not be written costs the next process some waiting.
func (k *keeper) keep(nonces map[string]string) {
	if k.Journal == "" || maps.Equal(nonces, k.Nonces) {
		return
	}
	k.Nonces = nonces
	if len(nonces) == 0 {
		_ = os.Remove(k.path)
		return
	}
	b, err := json.Marshal(k.kept)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(k.path), ".leases-*") // mode 0600
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), k.path) != nil {
		_ = os.Remove(f.Name())
	}
}

// know has an engine try nonces that were kept.
func (e *engine) know(nonces map[string]string) {
	for id, nonce := range nonces {
		e.o.leases[id] = &lease{nonce: nonce, kept: true}
	}
}

// nonces are those of the leases that are ours, or may still be.
func (e *engine) nonces(now time.Time) map[string]string {
	out := map[string]string{}
	for id, l := range e.o.leases {
		if l.nonce != "" && !l.free && (l.kept || l.held(now)) {
			out[id] = l.nonce
		}
	}
	return out
}
