package platform

import (
	"container/heap"
	"context"
	"time"
)

// todo is something that happens at a time.
type todo struct {
	at  time.Time
	seq int // ties happen in the order they were planned
	do  func()
}

// schedule is a heap of todos, the earliest first.
type schedule []todo

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	if s[i].at.Equal(s[j].at) {
		return s[i].seq < s[j].seq
	}
	return s[i].at.Before(s[j].at)
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)   { *s = append(*s, x.(todo)) }
func (s *schedule) Pop() any {
	old := *s
	t := old[len(old)-1]
	old[len(old)-1] = todo{}
	*s = old[:len(old)-1]
	return t
}

// after plans f for d from now. The world must be locked, and is when f runs.
func (w *World) after(d time.Duration, f func()) {
	w.seq++
	t := todo{at: w.now.Add(max(d, 0)), seq: w.seq, do: f}
	heap.Push(&w.due, t)
	if w.due[0].seq == t.seq {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// lock takes the world and brings it up to date.
func (w *World) lock() {
	w.mu.Lock()
	w.advance()
}

// unlock tells those who wait for a change, and lets the world go.
func (w *World) unlock() {
	if w.dirty {
		w.dirty = false
		close(w.changed)
		w.changed = make(chan struct{})
	}
	w.mu.Unlock()
}

// advance does what is due, each thing at its own time, so that the history is the same however seldom somebody looks.
func (w *World) advance() {
	now := w.clock()
	for !w.closed && len(w.due) > 0 && !w.due[0].at.After(now) {
		t := heap.Pop(&w.due).(todo)
		if t.at.After(w.now) {
			w.now = t.at
		}
		t.do()
	}
	if now.After(w.now) {
		w.now = now
	}
}

// Run lets a world with Options.Now do by itself what is due, from now until Close: for a clock that was set back while
// the world got a history, and that goes in real time from here on. It is called once, before the world is shared.
func (w *World) Run() {
	if w.done != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.done = cancel, make(chan struct{})
	go w.run(ctx)
}

// run is the goroutine of a world in real time.
func (w *World) run(ctx context.Context) {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		w.lock()
		next := time.Hour
		if len(w.due) > 0 {
			next = w.due[0].at.Sub(w.now)
		}
		w.unlock()
		timer.Reset(max(next, 0))
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// sleep waits d of the world's time, or until ctx or the world ends, and says whether it was the time.
func (w *World) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	ch := make(chan struct{})
	w.lock()
	if w.closed {
		w.unlock()
		return false
	}
	w.after(d, func() { close(ch) })
	changed := w.changed
	w.unlock()
	for {
		select {
		case <-ch:
			return true
		case <-ctx.Done():
			return false
		case <-changed:
			w.lock()
			closed := w.closed
			changed = w.changed
			w.unlock()
			if closed {
				return false
			}
		}
	}
}
