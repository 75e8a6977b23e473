package logs

import (
	"context"
	"sync"
	"time"
)

// linger is how long a Tap goes on following after nobody looks any more: who comes back soon finds what came meanwhile.
const linger = 5 * time.Minute

// Tap follows the log while somebody looks, and a little longer: what nobody reads is not asked for. Make one with NewTap.
// All methods are safe for concurrent use.
type Tap struct {
	o      Options
	linger time.Duration
	cancel context.CancelFunc
	wait   sync.WaitGroup
	kick   chan struct{} // holds one: looking has changed

	mu      sync.Mutex // guards what follows
	looking bool
	latest  Snapshot
	changed chan struct{}
}

// NewTap is a Tap that nobody looks at yet. It asks for nothing before somebody does. It ends with ctx, or when it is closed.
func NewTap(ctx context.Context, o Options) (*Tap, error) { return newTap(ctx, o, linger) }

func newTap(ctx context.Context, o Options, linger time.Duration) (*Tap, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Tap{o: o, linger: linger, cancel: cancel, kick: make(chan struct{}, 1), changed: make(chan struct{})}
	t.wait.Go(func() { t.run(ctx) })
	return t, nil
}

// Attend says whether somebody looks. While nobody does, nothing is published. It does not block.
func (t *Tap) Attend(looking bool) {
	t.mu.Lock()
	t.looking = looking
	t.mu.Unlock()
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// Latest is the newest snapshot. Before the first its Seq is 0 and it is empty; it is empty, with a Seq, while nothing is
// followed any more. Lines of a Stream that was begun anew are numbered anew.
func (t *Tap) Latest() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latest
}

// Changed is closed at the next publication. Take it before Latest, and none is missed.
func (t *Tap) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// Past is the newest lines of one machine, or of one region where machine is empty, oldest first: a hundred at most, which
// may be older than anything that the log of all has. It asks the web API, once.
func (t *Tap) Past(ctx context.Context, machine, region string) ([]Line, error) {
	o := t.o
	o.Machine, o.Region, o.Since = machine, region, time.Time{}
	var out []Line
	err := Read(ctx, o, func(ll []Line) error { out = append(out, ll...); return nil })
	return out, err
}

// Close ends it and waits for its goroutines. It is idempotent. What was published stays.
func (t *Tap) Close() {
	t.cancel()
	t.wait.Wait()
}

func (t *Tap) attended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.looking
}

// publish makes a snapshot the latest, with a number that grows from Stream to Stream.
func (t *Tap) publish(s Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Seq = t.latest.Seq + 1
	t.latest = s
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *Tap) run(ctx context.Context) {
	var (
		s    *Stream
		told uint64 // number of the latest snapshot of s that was published
		idle = time.NewTimer(t.linger)
	)
	idle.Stop()
	end := func() {
		if s != nil {
			s.Close()
			s, told = nil, 0
		}
	}
	defer end()
	was := false
	for {
		looking := t.attended()
		var changed <-chan struct{}
		switch {
		case looking:
			idle.Stop()
			if s == nil {
				s, _ = Start(ctx, t.o) // the options were looked at
			}
			changed = s.Changed()
			if latest := s.Latest(); latest.Seq > told {
				told = latest.Seq
				t.publish(latest)
			}
		case was:
			idle.Reset(t.linger)
		}
		was = looking
		select {
		case <-ctx.Done():
			return
		case <-t.kick:
		case <-changed:
		case <-idle.C:
			end()
			t.publish(Snapshot{At: t.o.Now()})
		}
	}
}
