package fly

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The platform's documented limits, per action and machine, or action and app where there is no machine.
const (
	rateOther, burstOther = 1, 3
	rateGet, burstGet     = 5, 10 // reading one machine
	// The log has no documented limit; its other readers do not pause while there is more. This keeps a loop harmless.
	rateLogs, burstLogs = 20, 40

	maxLimiters = 4096
)

// action names what a request does, for the rate limit. One without an ID is not limited.
type action struct {
	name string
	id   string // of the machine, or of the app
}

func (a action) rate() (rate.Limit, int) {
	switch a.name {
	case "get":
		return rateGet, burstGet
	case "logs":
		return rateLogs, burstLogs
	}
	return rateOther, burstOther
}

// limits holds a token bucket for each action.
type limits struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	pace  float64 // 1: as documented

	mu sync.Mutex // guards by
	by map[action]*limit
}

type limit struct {
	*rate.Limiter
	until time.Time // the platform asked for silence until then
}

func newLimits(now func() time.Time, sleep func(context.Context, time.Duration) error, pace float64) *limits {
	return &limits{now: now, sleep: sleep, pace: pace, by: map[action]*limit{}}
}

// wait returns when the action may be tried. Where that is past the end of ctx it returns at once, with ErrRateLimited.
func (l *limits) wait(ctx context.Context, a action) error {
	if a.id == "" {
		return nil
	}
	now := l.now()
	l.mu.Lock()
	b := l.bucket(a, now)
	r := b.ReserveN(now, 1)
	d := max(r.DelayFrom(now), b.until.Sub(now))
	l.mu.Unlock()
	if end, ok := ctx.Deadline(); ok && d > 0 && now.Add(d).After(end) {
		r.CancelAt(now)
		return fmt.Errorf("%w: the next try is possible in %s, which is too late", ErrRateLimited, d.Round(time.Millisecond))
	}
	if d <= 0 {
		return nil
	}
	if err := l.sleep(ctx, d); err != nil {
		r.CancelAt(l.now())
		return err
	}
	return nil
}

// hold keeps an action back for d, as the platform asked.
func (l *limits) hold(a action, d time.Duration) {
	if a.id == "" || d <= 0 {
		return
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(a, now)
	if until := now.Add(d); until.After(b.until) {
		b.until = until
	}
}

// bucket is the limiter of a. It is called with mu held.
func (l *limits) bucket(a action, now time.Time) *limit {
	b := l.by[a]
	if b == nil {
		if len(l.by) >= maxLimiters {
			l.forget(now)
		}
		n, burst := a.rate()
		b = &limit{Limiter: rate.NewLimiter(n*rate.Limit(l.pace), burst)}
		l.by[a] = b
	}
	return b
}

// forget drops the buckets that are full again: a new one would be the same.
func (l *limits) forget(now time.Time) {
	for a, b := range l.by {
		if b.TokensAt(now) >= float64(b.Burst()) && !now.Before(b.until) {
			delete(l.by, a)
		}
	}
}
