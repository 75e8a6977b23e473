package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ops-console/ops/audit"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/journal"
)

// Limits of what is kept of this machine's files.
const (
	mostFound = 50   // deployments
	mostActs  = 500  // entries of the record
	mostTold  = 2000 // events of one deployment
	// longestJournal is read whole; what is longer is none.
	longestJournal = 64 << 20
)

// local is what this machine's own files say.
type local struct {
	found []Deployment // newest first
	acts  []audit.Act
	flaws []string
	err   error
}

// reader reads them, and only what has changed.
type reader struct {
	dir, audit string

	last     *local
	journals map[string]known
	record   stamp
}

// known is a journal that was read.
type known struct {
	stamp
	Deployment
}

// stamp tells whether a file changed.
type stamp struct {
	size int64
	mod  time.Time
}

func stampOf(path string) (stamp, error) {
	i, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{i.Size(), i.ModTime()}, nil
}

// read gives what it gave before where nothing changed.
func (r *reader) read() *local {
	out, fresh := &local{}, r.last == nil
	if r.last != nil {
		out.acts, out.flaws = r.last.acts, r.last.flaws
	}
	var errs []error
	changed, err := r.deployments(out)
	errs = append(errs, err)
	fresh = fresh || changed
	changed, err = r.acts(out)
	errs = append(errs, err)
	out.err = errors.Join(errs...)
	if !fresh && !changed && (out.err == nil) == (r.last.err == nil) {
		return r.last
	}
	r.last = out
	return out
}

func (r *reader) deployments(out *local) (changed bool, err error) {
	names, err := filepath.Glob(filepath.Join(r.dir, "*.jsonl"))
	if err != nil {
		return false, err
	}
	slices.Sort(names)
	slices.Reverse(names) // their names begin with the time
	names = names[:min(len(names), mostFound)]
	now := make(map[string]known, len(names))
	for _, name := range names {
		at, err := stampOf(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		k, had := r.journals[name]
		if !had || k.stamp != at || err != nil {
			changed = true
			k = known{at, load(name, at.size)}
		}
		if inUse := !k.Over() && journal.InUse(name); inUse != k.InUse {
			k.InUse, changed = inUse, true
		}
		now[name] = k
		out.found = append(out.found, k.Deployment)
	}
	changed = changed || len(now) != len(r.journals)
	r.journals = now
	return changed, nil
}

// load reads a journal.
func load(path string, size int64) Deployment {
	d := Deployment{ID: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), Path: path}
	if size > longestJournal {
		d.Err = errors.New("it is longer than any journal")
		return d
	}
	entries, err := journal.Read(path)
	if err != nil {
		d.Err = err
		return d
	}
	s, err := deploy.Fold(entries)
	if err == nil && s.Plan == nil {
		err = errors.New("it holds no plan")
	}
	if err != nil {
		d.Err = err
		return d
	}
	d.Plan, d.Progress, d.Holder, d.Seq = s.Plan, deploy.ProgressOf(s), s.Holder, s.Seq
	if d.Events, d.Err = deploy.Tell(entries); len(d.Events) > mostTold {
		d.Events = d.Events[len(d.Events)-mostTold:]
	}
	return d
}

func (r *reader) acts(out *local) (changed bool, err error) {
	if r.audit == "" {
		return false, nil
	}
	at, err := stampOf(r.audit)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || at == r.record {
		return false, err
	}
	rec, err := audit.Read(r.audit)
	if err != nil {
		return false, err
	}
	r.record = at
	out.acts, out.flaws = rec.Acts(), rec.Flaws
	out.acts = out.acts[:min(len(out.acts), mostActs)]
	return true, nil
}
