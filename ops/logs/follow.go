package logs

import (
	"context"
	"errors"
	"sync"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// timing is how long things take and wait.
type timing struct {
	publish time.Duration // between two publications
	window  time.Duration // within which live lines are put in order
	hold    time.Duration // that live lines wait for the past, at most
	settle  time.Duration // after which the web API is asked once more for what it did not know yet
	join    time.Duration // that filling a gap is tried
	overlap time.Duration // before the last live line, from where a gap is filled

	poll, pollMost time.Duration // between two questions: where all is well, and where it is not
	answer         time.Duration // for one question

	connect          time.Duration // for the live stream
	retry, retryMost time.Duration // until the next try
	ping             time.Duration // between two signs of life of the live stream
}

func usual() timing {
	return timing{
		publish: 100 * time.Millisecond, window: 300 * time.Millisecond, hold: 4 * time.Second, settle: 3 * time.Second,
		join: time.Minute, overlap: 15 * time.Second,
		poll: time.Second, pollMost: 30 * time.Second, answer: 12 * time.Second,
		connect: 6 * time.Second, retry: 2 * time.Second, retryMost: time.Minute, ping: 10 * time.Second,
	}
}

// mostHeld is how many lines wait to be put in order, at most.
const mostHeld = 20_000

// follower makes one stream of two sources. It is one goroutine, which run is; asking and receiving are others.
//
// While lines do not come live, the web API is polled. When they begin to, it is asked for what came before, and a little
// later once more for what it did not know yet; then it is left alone. When they end, it is asked from a little before that.
// As long as both may tell the same lines, there is a joint.
type follower struct {
	o       Options
	t       timing
	publish func(State, View, time.Time)

	ring  *Ring
	order order
	joint *joint // nil: live only
	state State
	dirty bool
	told  time.Time // of the latest publication
	taken time.Time // when the inbox was emptied last

	pages  chan page
	asking bool
	next   string    // of the web API; where the latest page ended
	seen   seen      // in the latest page
	askAt  time.Time // when it is asked next; zero: not at all
	pause  time.Duration

	live     *live
	since    time.Time // of the live connection; zero: there is none
	passes   int       // how often all of the past was asked for since
	heldTill time.Time // until when live lines wait for the past
	overAt   time.Time // when there is no joint any more; zero: while the past is asked for
}

// page is an answer of the web API.
type page struct {
	asked   time.Time // when
	lines   []Line
	odd     int // of them
	entries int // in the answer
	seen    seen
	next    string
	err     error
	restart bool // the question was one that the platform does not understand
}

func newFollower(o Options, publish func(State, View, time.Time)) *follower {
	f := &follower{
		o: o, t: o.timing, publish: publish, ring: NewRing(o.Lines, o.Bytes), order: order{window: o.timing.window},
		joint: newJoint(), pages: make(chan page, 1), live: newLive(o), pause: o.timing.poll, askAt: o.Now(),
	}
	if !o.Since.IsZero() {
		f.next = fly.LogsAfter(o.Since)
	}
	return f
}

func (f *follower) run(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wait.Go(func() { f.live.run(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := f.o.Now()
		f.part(now)
		if !f.asking && !f.askAt.IsZero() && !now.Before(f.askAt) {
			f.asking = true
			next, seen := f.next, f.seen
			wait.Go(func() { f.pages <- f.o.ask(ctx, next, seen) })
		}
		if now.Sub(f.told) >= f.t.publish {
			f.release(now)
			f.tell(now)
		}
		wake := f.live.wake
		if now.Sub(f.taken) < f.t.publish/2 {
			wake = nil // lines are taken many at a time
		}
		timer.Reset(f.sleep(now))
		select {
		case <-ctx.Done():
			return
		case p := <-f.pages:
			f.asking = false
			f.answered(p, f.o.Now())
		case <-wake:
			f.taken = f.o.Now()
			f.received(f.live.take(), f.taken)
		case <-timer.C:
		}
	}
}

// sleep is how long nothing is to be done.
func (f *follower) sleep(now time.Time) time.Duration {
	d := time.Hour
	sooner := func(at time.Time) { d = min(d, max(0, at.Sub(now))) }
	if taken := f.taken.Add(f.t.publish / 2); taken.After(now) {
		sooner(taken)
	}
	if !f.asking && !f.askAt.IsZero() {
		sooner(f.askAt)
	}
	if f.dirty {
		sooner(f.told.Add(f.t.publish))
	}
	if !f.overAt.IsZero() {
		sooner(f.overAt)
	}
	if due, ok := f.order.due(now); ok {
		if f.holding(now) {
			sooner(f.heldTill)
		} else {
			sooner(now.Add(max(due, f.told.Add(f.t.publish).Sub(now))))
		}
	}
	return d
}

// seen is the lines of a page, to be known again where the next one begins with what this one ended with: as the platform
// wrote them, which no two lines are alike in.
type seen map[string]bool

// ask is one question to the web API. Lines that were in the page before are left out.
func (o *Options) ask(ctx context.Context, next string, before seen) page {
	ctx, cancel := context.WithTimeout(ctx, o.timing.answer)
	defer cancel()
	p := page{asked: o.Now()}
	got, err := o.Platform.Logs(ctx, o.App, fly.LogQuery{Next: next, Region: o.Region, Machine: o.Machine})
	if err != nil {
		p.err, p.restart = err, next != "" && errors.Is(err, fly.ErrInvalid)
		return p
	}
	now := o.Now()
	p.next, p.seen, p.entries = got.Next, make(seen, len(got.Entries)), len(got.Entries)
	for _, e := range got.Entries {
		p.seen[string(e)] = true
		if before[string(e)] {
			continue
		}
		l, whole := decode(e, now)
		if !whole {
			p.odd++
		}
		p.lines = append(p.lines, l)
	}
	byTime(p.lines)
	return p
}

// fullPage is how many lines are in an answer that is likely to be followed by another.
const fullPage = 100

// end tells whether a page is the last for now: it has nothing new, leads nowhere, or reaches to when it was asked for. A full one
// never is, because the platform's clock may be ahead of ours.
func (p *page) end(next string) bool {
	n := len(p.lines)
	return n == 0 || p.next == "" || p.next == next || p.entries < fullPage && !p.lines[n-1].At.Before(p.asked)
}

// answered takes an answer of the web API.
func (f *follower) answered(p page, now time.Time) {
	f.dirty = true
	if f.joint == nil {
		return // it is too late for it
	}
	if p.err != nil {
		f.unanswered(p, now)
		return
	}
	f.state.PollFailure, f.state.Primed, f.pause = nil, true, f.t.poll
	f.state.Malformed += uint64(p.odd)
	if f.since.IsZero() && f.state.Source != Polled {
		f.state.Source, f.state.Since = Polled, now
	}
	end := p.end(f.next)
	f.take(p.lines, now)
	if p.next != "" {
		f.next = p.next
	}
	if len(p.seen) > 0 {
		f.seen = p.seen
	}
	f.askAt = now
	switch {
	case !end && !f.since.IsZero() && now.Sub(f.since) > f.t.join:
		f.joined(now) // there is no end of it, because lines come as fast as they are asked for
	case !end:
	case f.since.IsZero():
		f.askAt = now.Add(f.t.poll)
		f.joint.forget(now.Add(-5 * time.Minute))
	case p.asked.Before(f.since):
		// What came between that question and the first live line is not known yet.
	default:
		f.passed()
	}
}

// take shows the lines of an answer, but for those that were shown.
func (f *follower) take(lines []Line, now time.Time) {
	holding := f.holding(now)
	for i := range lines {
		l := &lines[i]
		if !f.joint.fresh(l, fromWeb) {
			continue
		}
		f.state.LastAt = now
		if holding && l.At.Before(f.since.Add(-f.t.window)) {
			f.ring.Add(*l) // before all that waits
			continue
		}
		f.order.add(*l)
	}
	if holding {
		f.heldTill = now.Add(f.t.hold) // as long as the past comes, it is waited for
	}
}

// passed notes that all of the past was asked for since lines come live.
func (f *follower) passed() {
	if f.passes++; f.passes > 1 {
		f.joined(f.o.Now())
		return
	}
	f.heldTill = time.Time{}
	f.askAt = f.since.Add(f.t.settle)
}

// joined is the end of a gap: from here on, lines come live only. What the web API told last may still be on its way here.
func (f *follower) joined(now time.Time) {
	f.askAt, f.heldTill, f.overAt = time.Time{}, time.Time{}, now.Add(f.t.settle)
}

// part drops the joint when nothing comes twice any more.
func (f *follower) part(now time.Time) {
	if !f.overAt.IsZero() && !now.Before(f.overAt) {
		f.joint, f.overAt = nil, time.Time{}
	}
}

// unanswered takes a failure of the web API.
func (f *follower) unanswered(p page, now time.Time) {
	if p.restart {
		f.next, f.seen = "", nil
		f.joint.again(fromWeb)
	}
	f.state.Primed = true
	f.state.PollFailure = failure(p.err, now)
	if f.since.IsZero() {
		if f.state.Source != NoSource {
			f.state.Source, f.state.Since = NoSource, now
		}
	} else if now.Sub(f.since) > f.t.join {
		f.joined(now) // what the gap swallowed stays unknown
		return
	}
	f.askAt = now.Add(f.pause)
	f.pause = min(2*f.pause, f.t.pollMost)
}

// received takes what came from the live stream.
func (f *follower) received(in inbox, now time.Time) {
	f.state.Malformed += in.malformed
	if in.lost > 0 {
		f.state.Lost += in.lost
		f.state.LostAt = now
		f.dirty = true
	}
	// Lines of a connection that has ended, or of one that has just begun: which, makes no difference.
	for i := range in.lines {
		if f.joint == nil || f.joint.fresh(&in.lines[i], fromLive) {
			f.order.add(in.lines[i])
			f.state.LastAt = in.lines[i].Received
		}
	}
	if !in.changed {
		return
	}
	f.dirty = true
	f.state.LiveFailure, f.state.NextTry = in.failure, in.nextTry
	if f.since.Equal(in.since) {
		return
	}
	if !f.since.IsZero() {
		f.lost(now)
	}
	if !in.since.IsZero() {
		f.connected(in.since, now)
	}
}

// connected is the beginning of a live connection: the past up to there is asked for.
func (f *follower) connected(since, now time.Time) {
	f.order.window = 0
	f.ring.Add(f.order.ripe(now)...) // what came otherwise has waited long enough
	f.since, f.passes, f.askAt, f.heldTill = since, 0, now, now.Add(f.t.hold)
	f.state.Source, f.state.Since = Live, since
}

// lost is the end of a live connection: what came since its last line is asked for.
func (f *follower) lost(now time.Time) {
	from := f.since
	if f.state.LastAt.After(from) {
		from = f.state.LastAt
	}
	from = from.Add(-f.t.overlap)
	f.since = time.Time{}
	f.state.Source, f.state.Since = NoSource, now
	f.askAt, f.heldTill, f.pause = now, time.Time{}, f.t.poll
	if f.joint != nil && f.overAt.IsZero() {
		return // the past was not all there yet: asking for it goes on
	}
	f.joint, f.overAt = newJoint(), time.Time{}
	f.next, f.seen = fly.LogsAfter(from), nil
	v := f.ring.View()
	for l := range v.Back(v.Last()) {
		// Lines come a little out of order.
		if l.At.Before(from.Add(-f.t.overlap)) {
			break
		}
		f.joint.shown(l, fromLive)
	}
	for i := range f.order.waiting {
		f.joint.shown(&f.order.waiting[i], fromLive)
	}
}

// holding tells whether live lines wait for the past.
func (f *follower) holding(now time.Time) bool {
	return now.Before(f.heldTill) && len(f.order.waiting) < mostHeld
}

// release adds to the ring what has waited long enough.
func (f *follower) release(now time.Time) {
	if f.holding(now) || len(f.order.waiting) == 0 {
		return
	}
	// Where nothing comes live, what comes is in order.
	f.order.window = 0
	if !f.since.IsZero() {
		f.order.window = f.t.window
	}
	if ll := f.order.ripe(now); len(ll) > 0 {
		f.ring.Add(ll...)
		f.dirty = true
	}
}

// tell publishes, where there is something new.
func (f *follower) tell(now time.Time) {
	if !f.dirty {
		return
	}
	f.dirty, f.told = false, now
	f.publish(f.state, f.ring.View(), now)
}

// maxFailure is how long the text of a failure is, in characters.
const maxFailure = 400

// failure is an error as it may be shown. It comes from a client that keeps its token out of it.
func failure(err error, now time.Time) *Failure {
	return &Failure{Text: plaintext.Line(err.Error(), maxFailure), Hint: fly.HintOf(err), At: now, Denied: denied(err)}
}

func denied(err error) bool {
	return errors.Is(err, fly.ErrUnauthorized) || errors.Is(err, fly.ErrNotFound) || errors.Is(err, fly.ErrNoToken)
}
