package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/logstream"
	"ops-console/wg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "fo1_averysecrettoken"

// world is a platform that has a log, and a private network with a stream of it on a port of this machine.
type world struct {
	t      testing.TB
	stream *logstream.Stream
	addr   string

	mu      sync.Mutex // guards what follows
	lines   []said
	hidden  int // of the newest lines, the web interface does not know yet
	fails   error
	wait    chan struct{} // the web interface answers when it is closed; nil: at once
	asked   int
	slow    time.Duration // before each answer
	state   wg.State
	changed chan struct{}
}

// said is a line as the platform has it.
type said struct {
	at      time.Time
	machine string
	text    string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, addr: ln.Addr().String(), state: wg.StateUp, changed: make(chan struct{})}
	w.stream = logstream.New(func(user, password string) bool { return user == "org" && password == secret })
	go w.stream.Serve(ln)
	t.Cleanup(func() {
		if err := w.stream.Close(); err != nil {
			t.Errorf("close the stream: %v", err)
		}
	})
	return w
}

// say adds lines to the log: to both sources.
func (w *world) say(ss ...said) {
	w.mu.Lock()
	w.lines = append(w.lines, ss...)
	w.mu.Unlock()
	for _, s := range ss {
		w.live(s)
	}
}

// live sends a line to who follows the stream only.
func (w *world) live(s said) {
	data, err := json.Marshal(map[string]any{
		"event": map[string]any{"provider": "app"}, "fly": map[string]any{"app": map[string]any{"instance": s.machine}, "region": "ord"},
		"log": map[string]any{"level": "info"}, "message": s.text, "timestamp": s.at.UTC().Format(time.RFC3339Nano),
	})
	if err != nil {
		w.t.Error(err)
	}
	w.stream.Publish(logstream.Message{Subject: logstream.Subject("changelog", "ord", s.machine), Data: data})
}

func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// App implements Platform.
func (w *world) App(context.Context, string) (fly.App, error) {
	return fly.App{Organization: fly.Organization{Slug: "org"}}, nil
}

// Logs implements Platform.
func (w *world) Logs(ctx context.Context, _ string, q fly.LogQuery) (fly.LogPage, error) {
	w.mu.Lock()
	w.asked++
	wait, slow := w.wait, w.slow
	w.mu.Unlock()
	time.Sleep(slow)
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return fly.LogPage{}, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil {
		return fly.LogPage{}, w.fails
	}
	const most = 100
	known := w.lines[:len(w.lines)-w.hidden]
	var out []said
	after := int64(0)
	if q.Next != "" {
		after, _ = strconv.ParseInt(q.Next, 10, 64)
	}
	for _, s := range known {
		if s.at.UnixNano() > after && (q.Machine == "" || q.Machine == s.machine) {
			out = append(out, s)
		}
	}
	if q.Next == "" {
		out = out[max(0, len(out)-most):]
	}
	out = out[:min(len(out), most)]
	p := fly.LogPage{Next: q.Next}
	for _, s := range out {
		p.Next = strconv.FormatInt(s.at.UnixNano(), 10)
		data, err := json.Marshal(map[string]any{
			"timestamp": s.at.UTC().Format(time.RFC3339Nano), "message": s.text, "level": "info", "instance": s.machine, "region": "ord",
			"meta": map[string]any{"event": map[string]any{"provider": "app"}},
		})
		if err != nil {
			return p, err
		}
		p.Entries = append(p.Entries, data)
	}
	return p, nil
}

// DialContext implements Network.
func (w *world) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if want := "[fdaa:0:2f::3]:4223"; addr != want {
		return nil, fmt.Errorf("dialled %s, want %s", addr, want)
	}
	w.mu.Lock()
	up := w.state == wg.StateUp
	w.mu.Unlock()
	if !up {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return new(net.Dialer).DialContext(ctx, network, w.addr)
}

// Status implements Network.
func (w *world) Status() wg.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return wg.Status{Kind: wg.KindUser, State: w.state, Addresses: []netip.Prefix{netip.MustParsePrefix("fdaa:0:2f:a7b::a:102/120")}}
}

// Changed implements Network.
func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// network sets the state of the network.
func (w *world) network(s wg.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = s
	close(w.changed)
	w.changed = make(chan struct{})
}

// quick is the usual timing, for people in a hurry.
func quick() timing {
	return timing{
		publish: 5 * time.Millisecond, window: 20 * time.Millisecond, hold: 5 * time.Second, settle: 400 * time.Millisecond, join: 5 * time.Second,
		overlap: time.Second, poll: 10 * time.Millisecond, pollMost: 50 * time.Millisecond, answer: 5 * time.Second,
		connect: 2 * time.Second, retry: 20 * time.Millisecond, retryMost: 100 * time.Millisecond, ping: time.Second,
	}
}

func (w *world) options() Options {
	tok, err := fly.NewToken(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return Options{App: "changelog", Platform: w, Token: tok.Source(), Network: w, timing: quick()}
}

func (w *world) follow(change ...func(*Options)) *Stream {
	w.t.Helper()
	o := w.options()
	for _, c := range change {
		c(&o)
	}
	s, err := Start(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return s
}

// until waits for a snapshot with something.
func until(t *testing.T, s *Stream, what string, ok func(Snapshot) bool) Snapshot {
	t.Helper()
	limit := time.After(15 * time.Second)
	for {
		changed := s.Changed()
		now := s.Latest()
		if ok(now) {
			return now
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("not in time: %s; %+v, lines %v", what, now.State, texts(now))
		}
	}
}

func texts(s Snapshot) []string {
	var out []string
	for l := range s.Lines.From(0) {
		out = append(out, l.Message)
	}
	return out
}

func has(n int) func(Snapshot) bool { return func(s Snapshot) bool { return s.Lines.Len() >= n } }

func from(src Source) func(Snapshot) bool {
	return func(s Snapshot) bool { return s.State.Source == src }
}

// series is some lines, from a time on, a little apart.
func series(at time.Time, first, n int) []said {
	var out []said
	for i := range n {
		out = append(out, said{at.Add(time.Duration(i) * 20 * time.Microsecond), "m" + strconv.Itoa(i%3), strconv.Itoa(first + i)})
	}
	return out
}

// exactly fails where the lines are not those, each once, in order.
func exactly(t *testing.T, s Snapshot, first, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, strconv.Itoa(first+i))
	}
	if diff := cmp.Diff(want, texts(s)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestThePastComesFirstThenLiveLines(t *testing.T) {
	w := newWorld(t)
	w.say(series(time.Now().Add(-time.Hour), 0, 40)...)
	s := w.follow()
	until(t, s, "it is live", func(s Snapshot) bool { return s.State.Source == Live && s.Lines.Len() == 40 })
	w.say(series(time.Now(), 40, 10)...)
	got := until(t, s, "all lines", has(50))
	exactly(t, got, 0, 50)
	if !got.State.Primed || got.State.LiveFailure != nil || got.State.PollFailure != nil || got.State.Malformed != 0 || got.State.LastAt.IsZero() {
		t.Errorf("state %+v", got.State)
	}
	// What is live is not asked for.
	until(t, s, "the gap is filled", func(Snapshot) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.asked >= 3 })
}

func TestLiveLinesWaitForThePast(t *testing.T) {
	w := newWorld(t)
	wait := make(chan struct{})
	w.wait = wait
	w.lines = series(time.Now().Add(-time.Minute), 0, 20)
	s := w.follow()
	until(t, s, "it is live", from(Live))
	w.say(series(time.Now(), 20, 5)...)
	// There is nothing to wait for that would show that nothing happens: what came early would be in the wrong order.
	close(wait)
	exactly(t, until(t, s, "all lines", has(25)), 0, 25)
}

func TestLiveLinesWaitForALongPastAsLongAsItComes(t *testing.T) {
	w := newWorld(t)
	w.lines = series(time.Now().Add(-time.Hour), 0, 1500)
	w.slow = 100 * time.Millisecond
	s := w.follow(func(o *Options) { o.Since, o.timing.hold = time.Now().Add(-2*time.Hour), time.Second })
	until(t, s, "it is live", from(Live))
	w.say(series(time.Now(), 1500, 10)...)
	exactly(t, until(t, s, "all lines", has(1510)), 0, 1510)
}

func TestAClockThatIsBehindLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.lines = series(time.Now().Add(-time.Second), 0, 450)
	behind := func(o *Options) {
		o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		o.Since = time.Now().Add(-2 * time.Hour)
	}
	s := w.follow(behind)
	until(t, s, "it is live", from(Live))
	w.say(series(time.Now(), 450, 10)...)
	exactly(t, until(t, s, "all lines", has(460)), 0, 460)
	n := 0
	o := w.options()
	behind(&o)
	if err := Read(t.Context(), o, func(ll []Line) error { n += len(ll); return nil }); err != nil || n != 460 {
		t.Errorf("read %d lines, want 460: %v", n, err)
	}
}

func TestThePastMayBeKnownLateAndShowsNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.lines = series(time.Now().Add(-time.Minute), 0, 20)
	w.hidden = 5 // was not there yet when the stream was connected
	s := w.follow()
	until(t, s, "it is live", func(s Snapshot) bool { return s.State.Source == Live && s.Lines.Len() == 15 })
	w.change(func() { w.hidden = 0 })
	exactly(t, until(t, s, "all lines", has(20)), 0, 20)
}

func TestFallsBackToPollingAndComesBack(t *testing.T) {
	w := newWorld(t)
	w.say(series(time.Now().Add(-time.Minute), 0, 10)...)
	s := w.follow()
	until(t, s, "it is live", func(s Snapshot) bool { return s.State.Source == Live && s.Lines.Len() == 10 })
	w.say(series(time.Now(), 10, 10)...)
	until(t, s, "live lines", has(20))

	w.stream.Break(logstream.Refuses)
	got := until(t, s, "it is polling", from(Polled))
	if got.State.LiveFailure == nil || got.State.LiveFailure.Text == "" || got.State.LiveFailure.Hint == "" {
		t.Errorf("it does not say why: %+v", got.State)
	}
	w.say(series(time.Now(), 20, 10)...)
	exactly(t, until(t, s, "polled lines", has(30)), 0, 30)

	w.stream.Break(logstream.NoTrouble)
	until(t, s, "it is live again", from(Live))
	w.say(series(time.Now(), 30, 10)...)
	got = until(t, s, "live lines again", has(40))
	exactly(t, got, 0, 40)
	if got.State.LiveFailure != nil {
		t.Errorf("it still says %+v", got.State.LiveFailure)
	}
}

func TestWhatAGapSwallowedIsAskedFor(t *testing.T) {
	w := newWorld(t)
	s := w.follow()
	until(t, s, "it is live", from(Live))
	w.say(series(time.Now(), 0, 5)...)
	until(t, s, "live lines", has(5))
	// These only the web interface has: the stream lost them, and then the connection.
	w.change(func() { w.lines = append(w.lines, series(time.Now().Add(100*time.Millisecond), 5, 3)...) })
	w.stream.Break(logstream.Refuses)
	w.stream.Break(logstream.NoTrouble)
	exactly(t, until(t, s, "the lost lines", has(8)), 0, 8)
	until(t, s, "it is live again", from(Live))
}

func TestWithoutANetworkLinesArePolled(t *testing.T) {
	w := newWorld(t)
	w.say(series(time.Now().Add(-time.Minute), 0, 250)...)
	s := w.follow(func(o *Options) {
		o.Network, o.NetworkErr, o.Since = nil, errors.New("no configuration"), time.Now().Add(-time.Hour)
	})
	got := until(t, s, "all lines", func(s Snapshot) bool { return s.Lines.Len() == 250 && s.State.LiveFailure != nil })
	exactly(t, got, 0, 250)
	if got.State.Source != Polled || !strings.Contains(got.State.Say(), "no configuration") || !strings.Contains(got.State.Say(), "wg status") {
		t.Errorf("it says %q", got.State.Say())
	}
	w.say(series(time.Now(), 250, 5)...)
	exactly(t, until(t, s, "new lines", has(255)), 0, 255)
}

func TestANetworkThatComesUpIsTriedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.state = wg.StateDead
	s := w.follow(func(o *Options) {
		o.timing.retry, o.timing.retryMost, o.timing.connect = time.Hour, time.Hour, 50*time.Millisecond
	})
	until(t, s, "it failed", func(s Snapshot) bool { return s.State.LiveFailure != nil && s.State.Source == Polled })
	w.network(wg.StateUp)
	until(t, s, "it is live", from(Live))
}

func TestWhenNothingAnswersItSaysSo(t *testing.T) {
	w := newWorld(t)
	w.stream.Break(logstream.Hangs)
	w.fails = fmt.Errorf("read the log of changelog: 503 %s", "service unavailable")
	s := w.follow(func(o *Options) { o.timing.connect = 50 * time.Millisecond })
	got := until(t, s, "both failed", func(s Snapshot) bool { return s.State.LiveFailure != nil && s.State.PollFailure != nil })
	if got.State.Source != NoSource || !got.State.Primed || got.State.PollFailure.Denied || !strings.Contains(got.State.Say(), "503") {
		t.Errorf("state %+v, says %q", got.State, got.State.Say())
	}
	w.change(func() { w.fails = nil })
	w.say(series(time.Now(), 0, 3)...)
	exactly(t, until(t, s, "lines", has(3)), 0, 3)
	until(t, s, "it is well", func(s Snapshot) bool { return s.State.PollFailure == nil })
}

func TestATokenThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.fails = fmt.Errorf("read the log: %w", fly.ErrUnauthorized)
	s := w.follow(func(o *Options) {
		tok, err := fly.NewToken("fo1_anothersecret")
		if err != nil {
			t.Fatal(err)
		}
		o.Token = tok.Source()
	})
	got := until(t, s, "both failed", func(s Snapshot) bool { return s.State.LiveFailure != nil && s.State.PollFailure != nil })
	if !got.State.PollFailure.Denied || !strings.Contains(got.State.LiveFailure.Hint, "fly auth login") {
		t.Errorf("state %+v %+v", got.State.PollFailure, got.State.LiveFailure)
	}
	if all := fmt.Sprintf("%+v %+v %s", got.State.PollFailure, got.State.LiveFailure, got.State.Say()); strings.Contains(all, "anothersecret") {
		t.Errorf("the token is in %s", all)
	}
}

func TestOneMachineOnly(t *testing.T) {
	w := newWorld(t)
	w.say(series(time.Now().Add(-time.Minute), 0, 9)...)
	s := w.follow(func(o *Options) { o.Machine, o.Region = "m1", "ord" })
	until(t, s, "it is live", func(s Snapshot) bool { return s.State.Source == Live && s.Lines.Len() == 3 })
	w.say(series(time.Now(), 9, 9)...)
	if diff := cmp.Diff([]string{"1", "4", "7", "10", "13", "16"}, texts(until(t, s, "its lines", has(6)))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLinesArePutInOrder(t *testing.T) {
	w := newWorld(t)
	s := w.follow(func(o *Options) { o.timing.window = 300 * time.Millisecond })
	until(t, s, "it is live", from(Live))
	ll := series(time.Now(), 0, 20)
	mixed := slices.Clone(ll)
	for i := 0; i+1 < len(mixed); i += 2 {
		mixed[i], mixed[i+1] = mixed[i+1], mixed[i]
	}
	w.say(mixed...)
	exactly(t, until(t, s, "all lines", has(20)), 0, 20)
}

func TestPublishesManyLinesTogether(t *testing.T) {
	w := newWorld(t)
	s := w.follow(func(o *Options) { o.timing.publish = 100 * time.Millisecond })
	before := until(t, s, "it is live", from(Live))
	begin := time.Now()
	const n = 3000
	for i := 0; i < n; i += 100 {
		w.say(series(time.Now(), i, 100)...)
	}
	got := until(t, s, "all lines", has(n))
	most := uint64(time.Since(begin)/(100*time.Millisecond)) + 2
	if times := got.Seq - before.Seq; times > most {
		t.Errorf("published %d times in %s, want at most %d", times, time.Since(begin), most)
	}
}

func TestHostileLinesDoNoHarm(t *testing.T) {
	w := newWorld(t)
	s := w.follow()
	until(t, s, "it is live", from(Live))
	for _, data := range []string{"", "null", "\xff\x00\x1b[2J", `{"message":"` + strings.Repeat("y", 1<<19) + `"}`, `[]`, `{"message":{}}`} {
		w.stream.Publish(logstream.Message{Subject: "logs.changelog.ord.x", Data: []byte(data)})
	}
	w.say(series(time.Now().Add(time.Second), 0, 1)...)
	got := until(t, s, "all of them", has(7))
	if got.State.Malformed != 6 || got.Lines.Len() != 7 {
		t.Errorf("%d of %d are malformed, want 6 of 7", got.State.Malformed, got.Lines.Len())
	}
	for l := range got.Lines.From(0) {
		if strings.ContainsAny(l.Message, "\x00\x1b\n") || len(l.Message) > 4*MaxMessage {
			t.Errorf("%.40q…", l.Message)
		}
	}
}

func TestWhatComesTooFastIsCounted(t *testing.T) {
	l := newLive(Options{timing: quick()})
	const more = 7
	for range inboxLines + more {
		l.accept(Line{Message: "x"}, true)
	}
	in := l.take()
	if len(in.lines) != inboxLines || in.lost != more {
		t.Errorf("%d lines and %d lost, want %d and %d", len(in.lines), in.lost, inboxLines, more)
	}
	l.accept(Line{Message: "x"}, false)
	if in := l.take(); len(in.lines) != 1 || in.lost != 0 || in.malformed != 1 {
		t.Errorf("then %d lines, %d lost, %d malformed", len(in.lines), in.lost, in.malformed)
	}
	long := strings.Repeat("x", MaxMessage)
	for range inboxLines {
		l.accept(Line{Message: long}, true)
	}
	if in := l.take(); in.lost == 0 || len(in.lines)*MaxMessage > inboxBytes {
		t.Errorf("%d long lines, %d lost", len(in.lines), in.lost)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*Options){
		"app": func(o *Options) { o.App = "" }, "platform": func(o *Options) { o.Platform = nil }, "token": func(o *Options) { o.Token = nil },
	} {
		o := w.options()
		spoil(&o)
		if _, err := Start(t.Context(), o); err == nil {
			t.Errorf("it starts without %s", name)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	w := newWorld(t)
	w.wait = make(chan struct{}) // the web interface never answers
	s := w.follow()
	until(t, s, "it is live", from(Live))
	done := make(chan struct{})
	go func() { s.Close(); s.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestRead(t *testing.T) {
	w := newWorld(t)
	w.say(series(time.Now().Add(-time.Minute), 0, 250)...)
	read := func(change func(*Options)) (out []string, err error) {
		o := w.options()
		change(&o)
		err = Read(t.Context(), o, func(ll []Line) error {
			for _, l := range ll {
				out = append(out, l.Message)
			}
			return nil
		})
		return out, err
	}
	got, err := read(func(*Options) {})
	if err != nil || len(got) != 100 || got[99] != "249" {
		t.Errorf("%d lines, %v", len(got), err)
	}
	got, err = read(func(o *Options) { o.Since = time.Now().Add(-time.Hour) })
	if err != nil || len(got) != 250 || got[0] != "0" {
		t.Errorf("%d lines, %v", len(got), err)
	}
	stop := errors.New("enough")
	if err := Read(t.Context(), w.options(), func([]Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	w.fails = fmt.Errorf("read the log: %w", fly.ErrNoToken)
	if _, err := read(func(*Options) {}); !errors.Is(err, fly.ErrNoToken) || !strings.Contains(err.Error(), "fly auth login") {
		t.Errorf("got %v", err)
	}
}
