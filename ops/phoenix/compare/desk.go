package compare

import (
	"context"
	"slices"
	"sync"

	"ops-console/ops/phoenix/source"
)

// Desk carries questions of a source to whoever looks at a comparison: the first that waits is in the Snapshot, and
// Watcher.Answer answers it. Until then the source waits, and so does the deadline of loading. A package that was refused is
// not asked for again before somebody refreshes. The zero value is ready for one Watcher; without one every answer is no.
type Desk struct {
	mu      sync.Mutex // guards what follows
	waiting []*question
	refused map[string]bool // checksums of packages
	changed func()          // called after waiting has changed; nil: nobody looks
}

// question is one that waits for its answer.
type question struct {
	source.Question
	answer chan bool
}

// Ask waits for the answer to a question. It is what source.Mix asks with.
func (d *Desk) Ask(ctx context.Context, q source.Question) (bool, error) {
	d.mu.Lock()
	changed := d.changed
	if changed == nil || d.refused[q.SHA256] {
		d.mu.Unlock()
		return false, nil
	}
	asked := &question{q, make(chan bool, 1)}
	d.waiting = append(d.waiting, asked)
	d.mu.Unlock()
	changed()
	defer func() {
		d.mu.Lock()
		d.waiting = slices.DeleteFunc(d.waiting, func(w *question) bool { return w == asked })
		d.mu.Unlock()
		changed()
	}()
	select {
	case yes := <-asked.answer:
		return yes, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// first is the question to be answered next; nil: there is none.
func (d *Desk) first() *source.Question {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		return nil
	}
	return &d.waiting[0].Question
}

// reply to a question, if that waits still.
func (d *Desk) reply(q *source.Question, yes bool) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.waiting {
		if &w.Question != q {
			continue
		}
		if !yes {
			if d.refused == nil {
				d.refused = map[string]bool{}
			}
			d.refused[q.SHA256] = true
		}
		select {
		case w.answer <- yes:
		default: // it has one already
		}
	}
}

// reopen lets what was refused be asked again.
func (d *Desk) reopen() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = nil
}

// attend says who is told that questions have changed.
func (d *Desk) attend(changed func()) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = changed
}
