package logs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
	"ops-console/wg"
)

const (
	// livePort is where the log stream is, at the address of the network's DNS server.
	livePort = 4223
	// queued is how many messages wait to be read; inboxLines and inboxBytes how much of what was read waits to be taken.
	queued     = 8192
	inboxLines = 20_000
	inboxBytes = 16 << 20
)

// live receives the live stream for a follower, and connects again where that ends.
type live struct {
	o    Options
	t    timing
	wake chan struct{}
	org  string // once known

	mu sync.Mutex // guards in and size
	in inbox
	// size is that of the lines in it.
	size int
}

// inbox is what came since it was taken.
type inbox struct {
	lines     []Line
	malformed uint64
	lost      uint64

	// How the connection is; changed says that this is new.
	changed bool
	since   time.Time // zero: there is none
	failure *Failure  // why
	nextTry time.Time
}

func newLive(o Options) *live {
	return &live{o: o, t: o.timing, org: o.Org, wake: make(chan struct{}, 1)}
}

// take empties the inbox.
func (l *live) take() inbox {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.in
	l.in = inbox{since: in.since, failure: in.failure, nextTry: in.nextTry}
	l.size = 0
	return in
}

// put changes the inbox.
func (l *live) put(change func(in *inbox)) {
	l.mu.Lock()
	change(&l.in)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run connects and receives until ctx ends.
func (l *live) run(ctx context.Context) {
	if l.o.Network == nil {
		err := l.o.NetworkErr
		if err == nil {
			err = errors.New("the private network is not joined")
		}
		l.fail(fmt.Errorf("follow the log live: %w", err), hintNetwork, time.Time{})
		return
	}
	pause := l.t.retry
	for ctx.Err() == nil {
		begun := l.o.Now()
		changed, was := l.o.Network.Changed(), l.o.Network.Status().State
		err, hint := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if l.o.Now().Sub(begun) > l.t.retryMost {
			pause = l.t.retry
		}
		// Not all at once, where many consoles lost the same stream.
		d := pause + rand.N(pause/4+1)
		l.fail(err, hint, l.o.Now().Add(d))
		l.rest(ctx, d, changed, was)
		pause = min(2*pause, l.t.retryMost)
	}
}

// rest waits until it is time for the next try: a network that came up is a reason. changed and was are from before the last one.
func (l *live) rest(ctx context.Context, d time.Duration, changed <-chan struct{}, was wg.State) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-changed:
		}
		changed = l.o.Network.Changed()
		is := l.o.Network.Status().State
		if is == wg.StateUp && was != wg.StateUp {
			return
		}
		was = is
	}
}

func (l *live) fail(err error, hint string, again time.Time) {
	now := l.o.Now()
	l.put(func(in *inbox) {
		in.changed, in.since, in.nextTry = true, time.Time{}, again
		in.failure = &Failure{Text: plaintext.Line(err.Error(), maxFailure), Hint: hint, At: now}
	})
}

const (
	hintNetwork = "see what `ops-console wg status` says of the private network; lines are polled meanwhile"
	hintStream  = "the stream is tried again by itself; lines are polled meanwhile"
	hintToken   = "the log stream wants a token of the organization: log in with `fly auth login`, or make one with `fly tokens create org`; lines are polled meanwhile"
)

// session is one connection, from beginning to end. Why it ended is the error; what to do about it is the hint.
func (l *live) session(ctx context.Context) (err error, hint string) { //nolint:revive,staticcheck // the error is the result, the hint goes with it
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tok, err := l.o.Token(ctx)
	if err != nil {
		return fmt.Errorf("follow the log live: %w", err), fly.HintOf(err)
	}
	if err := l.know(ctx); err != nil {
		return err, fly.HintOf(err)
	}
	addr, err := address(l.o.Network.Status())
	if err != nil {
		return err, hintNetwork
	}
	clean := func(what string, err error) error {
		return fmt.Errorf("%s at %s: %s", what, addr, tok.Clean(err.Error()))
	}
	nc, err := l.connect(ctx, addr, tok)
	if err != nil {
		hint := hintStream
		switch {
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
			hint = hintToken
		case l.o.Network.Status().State != wg.StateUp:
			hint = hintNetwork
		}
		return clean("connect to the log stream", err), hint
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync(l.subject())
	if err == nil {
		err = sub.SetPendingLimits(queued, inboxBytes)
	}
	if err == nil {
		err = nc.FlushTimeout(l.t.connect)
	}
	if err == nil {
		err = nc.LastError() // a subscription that is refused
	}
	if err != nil {
		return clean("subscribe to the log stream", err), hintToken
	}
	now := l.o.Now()
	l.put(func(in *inbox) { in.changed, in.since, in.failure, in.nextTry = true, now, nil, time.Time{} })
	return clean("follow the log stream", l.receive(ctx, nc, sub)), hintStream
}

// know finds the organization, once.
func (l *live) know(ctx context.Context) error {
	if l.org != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.t.answer)
	defer cancel()
	app, err := l.o.Platform.App(ctx, l.o.App)
	if err != nil {
		return fmt.Errorf("find the organization whose log stream has %s: %w", l.o.App, err)
	}
	l.org = app.Organization.Slug
	return nil
}

// subject is what to subscribe to: logs.APP.REGION.INSTANCE.
func (l *live) subject() string {
	any := func(s string) string {
		if s == "" {
			return "*"
		}
		return s
	}
	return "logs." + l.o.App + "." + any(l.o.Region) + "." + any(l.o.Machine)
}

// address is that of the stream: ::3 of the network that we are in.
func address(s wg.Status) (string, error) {
	fly6PN := netip.MustParsePrefix("fdaa::/16")
	for _, p := range s.Addresses {
		if a := p.Addr(); fly6PN.Contains(a) && s.Kind != wg.KindDirect {
			b := a.As16()
			clear(b[6:])
			b[15] = 3
			return netip.AddrPortFrom(netip.AddrFrom16(b), livePort).String(), nil
		}
	}
	host, _, err := net.SplitHostPort(s.DNS)
	if err != nil {
		return "", errors.New("follow the log live: the private network has no DNS server, at whose address the log stream is")
	}
	return net.JoinHostPort(host, strconv.Itoa(livePort)), nil
}

// connect makes a connection that ends with ctx.
func (l *live) connect(ctx context.Context, addr string, tok fly.Token) (*nats.Conn, error) {
	return nats.Connect(
		"nats://"+addr,
		nats.Name("ops-console"),
		nats.UserInfo(l.org, tok.Reveal()),
		nats.SetCustomDialer(dialer{ctx, l}),
		nats.Timeout(l.t.connect),
		nats.PingInterval(l.t.ping), nats.MaxPingsOutstanding(2),
		nats.SyncQueueLen(queued),
		// Whoever is connected again has a gap to fill first: that is the follower's.
		nats.NoReconnect(), nats.IgnoreDiscoveredServers(),
		// The default writes to standard error.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	)
}

// dialer connects through the private network.
type dialer struct {
	ctx context.Context
	l   *live
}

// Dial is what the client of the stream calls.
func (d dialer) Dial(network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.l.t.connect)
	defer cancel()
	c, err := d.l.o.Network.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	// What the client does before it is connected does not know ctx, which ends with the session.
	context.AfterFunc(d.ctx, func() { _ = c.Close() })
	return c, nil
}

// receive puts lines into the inbox until the connection ends, and says why that did.
func (l *live) receive(ctx context.Context, nc *nats.Conn, sub *nats.Subscription) error {
	var dropped int
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if n, _ := sub.Dropped(); n > dropped {
			l.put(func(in *inbox) { in.lost += uint64(n - dropped) })
			dropped = n
		}
		switch {
		case errors.Is(err, nats.ErrSlowConsumer):
			continue
		case err != nil:
			if last := nc.LastError(); last != nil && !errors.Is(last, nats.ErrSlowConsumer) {
				return last
			}
			return err
		}
		l.accept(decodeLive(m.Subject, m.Data, l.o.Now()))
	}
}

// accept puts a line into the inbox, as long as there is room.
func (l *live) accept(line Line, whole bool) {
	size := lineSize + len(line.Message)
	l.put(func(in *inbox) {
		if !whole {
			in.malformed++
		}
		if len(in.lines) >= inboxLines || l.size+size > inboxBytes {
			in.lost++
			return
		}
		in.lines = append(in.lines, line)
		l.size += size
	})
}
