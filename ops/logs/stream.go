package logs

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"ops-console/ops/fly"
	"ops-console/wg"
)

// Platform is what is asked of the platform's web API. *fly.Client is one.
type Platform interface {
	App(ctx context.Context, app string) (fly.App, error)
	Logs(ctx context.Context, app string, q fly.LogQuery) (fly.LogPage, error)
}

// Network is what is asked of the private network. A wg.Network is one.
type Network interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	Status() wg.Status
	Changed() <-chan struct{}
}

// Options of Start and Read. App, Platform and Token are needed.
type Options struct {
	App      string
	Org      string // slug of the organization; empty: the platform is asked
	Platform Platform
	Token    fly.TokenSource // of the live stream

	Network    Network // nil: lines are polled, because of NetworkErr
	NetworkErr error

	// Machine and Region restrict what is asked for at all, by a whole id and a code; a Filter restricts what is shown.
	Machine, Region string
	// Since is from when on the past is wanted; zero: the newest hundred lines.
	Since time.Time

	Lines, Bytes int // of the ring; 0: DefaultLines and DefaultBytes

	Now func() time.Time // nil: time.Now

	timing timing // zero: the usual
}

// Source is where lines come from.
type Source string

// The sources. Before the first answer, and where nothing can be had, there is none.
const (
	NoSource Source = ""
	Live     Source = "live"    // pushed over the private network
	Polled   Source = "polling" // asked for, again and again, of the web API
)

// Failure is something that did not work: what was tried and what happened, and what to do. Both are plain text, without
// secrets.
type Failure struct {
	Text string
	Hint string    // may be empty
	At   time.Time // of the latest try

	// Denied says that trying again will not help: there is no token, it may not see the log, or there is no such app.
	Denied bool
}

// State is how the stream is.
type State struct {
	Source Source
	Since  time.Time // of Source: connected since, or polling since
	LastAt time.Time // when the latest line came; zero: none yet

	// Primed says that the past is there, or cannot be had: that no line is shown means that there is none.
	Primed bool

	Lost      uint64    // lines that came too fast to be taken, since the start; the platform may have lost more
	LostAt    time.Time // when the latest of them were
	Malformed uint64    // lines that were not written as they should be; they are shown as far as they can be read

	// LiveFailure is why lines do not come live; nil where they do, and before that is known. NextTry is when that is tried
	// again; zero: now, or never.
	LiveFailure *Failure
	NextTry     time.Time
	// PollFailure is why the web API did not answer the latest question: the past, or what a gap swallowed, is missing.
	PollFailure *Failure
}

// Snapshot is what a Stream published: an immutable value.
type Snapshot struct {
	Seq   uint64 // grows by one with every publication; zero before the first
	At    time.Time
	State State
	Lines View
}

// Stream follows the log until it is closed. Make one with Start. All methods are safe for concurrent use.
type Stream struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu      sync.Mutex // guards latest and changed
	latest  Snapshot
	changed chan struct{}
}

// Start begins to follow at once, and goes on until ctx ends or the Stream is closed: from the past to live lines, or to
// polling where those cannot be had, and back to live when they can. What came in is put in order of time within a small
// window, and published together, ten times a second at most.
func Start(ctx context.Context, o Options) (*Stream, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Stream{cancel: cancel, changed: make(chan struct{})}
	f := newFollower(o, s.publish)
	s.wait.Go(func() { f.run(ctx) })
	return s, nil
}

// Latest is the newest snapshot. Before the first its Seq is 0 and it is empty.
func (s *Stream) Latest() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// Changed is closed at the next publication. Take it before Latest, and none is missed.
func (s *Stream) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Close ends the stream and waits for its goroutines. It is idempotent. What was published stays.
func (s *Stream) Close() {
	s.cancel()
	s.wait.Wait()
}

func (s *Stream) publish(st State, v View, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = Snapshot{Seq: s.latest.Seq + 1, At: now, State: st, Lines: v}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.App == "":
		return o, errors.New("logs: no app named")
	case o.Platform == nil:
		return o, errors.New("logs: no platform client")
	case o.Token == nil:
		return o, errors.New("logs: no token source")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.timing == (timing{}) {
		o.timing = usual()
	}
	return o, nil
}
