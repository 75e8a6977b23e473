// Package feed reads something again and again and keeps the latest answer. It never interprets what it reads.
package feed

import (
	"context"
	"sync"
	"time"
)

// Snapshot is one published reading. Value is the last good one, from GoodAt; where Err is set, the reading made At
// failed and Value is older than that.
type Snapshot[T any] struct {
	Seq    uint64 // grows by one with every reading; zero before the first
	At     time.Time
	Value  T
	GoodAt time.Time // zero: there never was a good one
	Err    error
}

// Feed calls a reading at an interval, one at a time, until closed. Make one with Start.
type Feed[T any] struct {
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{}

	mu      sync.Mutex // guards latest and changed
	latest  Snapshot[T]
	changed chan struct{}
}

// shortest is the least time between two readings: an interval of 0 is not a busy loop.
const shortest = time.Millisecond

// Start reads at once and then every interval, measured from the end of one reading to the start of the next. Each
// reading gets a context that ends after timeout. When ctx ends, the feed does, without publishing what a reading that
// was cut off said; Changed is not closed then, so wait for ctx too.
func Start[T any](ctx context.Context, interval, timeout time.Duration, read func(context.Context) (T, error)) *Feed[T] {
	ctx, cancel := context.WithCancel(ctx)
	f := &Feed[T]{cancel: cancel, done: make(chan struct{}), kick: make(chan struct{}, 1), changed: make(chan struct{})}
	go f.run(ctx, interval, timeout, read)
	return f
}

func (f *Feed[T]) run(ctx context.Context, interval, timeout time.Duration, read func(context.Context) (T, error)) {
	defer close(f.done)
	interval = max(interval, shortest)
	t := time.NewTimer(interval)
	defer t.Stop()
	for {
		rctx, cancel := context.WithTimeout(ctx, timeout)
		v, err := read(rctx)
		cancel()
		if ctx.Err() != nil {
			return
		}
		f.publish(v, err, time.Now())
		t.Reset(interval)
		select {
		case <-ctx.Done():
			return
		case <-f.kick:
		case <-t.C:
		}
	}
}

func (f *Feed[T]) publish(v T, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest.Seq++
	f.latest.At, f.latest.Err = now, err
	if err == nil {
		f.latest.Value, f.latest.GoodAt = v, now
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// Latest is the newest snapshot.
func (f *Feed[T]) Latest() Snapshot[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest
}

// Changed is closed at the next publication. Take it before Latest, and none is missed.
func (f *Feed[T]) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Refresh asks for a reading now, after the one that may be running.
func (f *Feed[T]) Refresh() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Close ends the feed and waits for its goroutine. It is idempotent.
func (f *Feed[T]) Close() {
	f.cancel()
	<-f.done
}
