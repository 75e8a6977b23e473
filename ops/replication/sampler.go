package replication

import (
	"context"
	"sync/atomic"
	"time"

	"ops-console/ops/postgres"
)

// rhythm is how often things are done.
type rhythm struct {
	interval time.Duration // between the beginnings of two readings of a node
	sampling time.Duration // between two samples of a primary
	backoff  []time.Duration
	jitter   func() float64 // in [0,1)
	now      func() time.Time
}

// pause is how long to wait after the n-th failure in a row to connect, give or take a fifth.
func (r *rhythm) pause(n int) time.Duration {
	d := r.backoff[min(n, len(r.backoff))-1]
	return time.Duration(float64(d) * (0.8 + 0.4*r.jitter()))
}

// sampler reads one node over one session, one reading at a time, however long a reading takes.
type sampler struct {
	key     string
	node    atomic.Pointer[postgres.Node] // as it was located last
	rhythm  *rhythm
	connect connect
	kick    chan struct{}
	cancel  context.CancelFunc
	emit    func(context.Context, event)
}

// run reads until ctx ends. The session is closed then.
func (s *sampler) run(ctx context.Context) {
	var open *session
	defer func() {
		if open != nil {
			end(ctx, open.c)
		}
	}()
	failed := 0 // to connect, in a row
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
			failed = 0
		case <-timer.C:
		}
		start := time.Now()
		r, err := s.read(ctx, &open)
		if ctx.Err() != nil {
			return
		}
		e := event{entry: entry{At: s.rhythm.now(), Key: s.key, Reading: r, Failure: failure(err)}}
		s.emit(ctx, e)
		if open != nil {
			failed = 0
			timer.Reset(max(0, s.rhythm.interval-time.Since(start)))
			continue
		}
		failed++
		timer.Reset(s.rhythm.pause(failed))
	}
}

// read connects where there is no session. One that is broken is let go of.
func (s *sampler) read(ctx context.Context, open **session) (*Reading, error) {
	if *open == nil {
		c, err := s.connect(ctx, *s.node.Load())
		if err != nil {
			return nil, err
		}
		*open = newSession(c)
	}
	r, err := (*open).read(ctx)
	if err != nil && (*open).c.Broken() {
		end(ctx, (*open).c)
		*open = nil
	}
	return r, err
}

// feeder reads the flush LSN of a primary over a session of its own.
type feeder struct {
	cancel context.CancelFunc
}

// run samples until ctx ends or a sample fails: whether the node still is a primary is for its next reading to say. It
// tells whether there was a session at all.
func (f *feeder) run(ctx context.Context, s *sampler) bool {
	c, err := s.connect(ctx, *s.node.Load())
	if err != nil {
		return false
	}
	defer end(ctx, c)
	t := time.NewTicker(s.rhythm.sampling)
	defer t.Stop()
	for {
		v, err := sample(ctx, c)
		if err != nil {
			return true
		}
		s.emit(ctx, event{entry: entry{At: s.rhythm.now(), Key: s.key, Sample: &v}})
		select {
		case <-ctx.Done():
			return true
		case <-t.C:
		}
	}
}
