package wg

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// world is a simulated network around a verdict: what a gateway, its DNS server and the way to them would do.
// Every test of this file runs in simulated time.
type world struct {
	v   *verdict
	now time.Time

	to, from  bool          // datagrams arrive at the gateway, and back
	gateway   bool          // it runs
	keys      bool          // it has the session keys that we use
	peer      bool          // it knows us
	dns       int           // rcode of its DNS server, or -1: silent
	moved     bool          // it is at another address; resolve finds it
	badPort   bool          // this local port is blocked for good
	webOnly   bool          // UDP does not pass
	noCounter bool          // the kind of network that cannot tell
	machine   bool          // that of the DNS server is asked too
	lost      time.Duration // until a probe is lost

	web       bool
	handshake time.Time
	lastSent  time.Time // of an initiation; WireGuard sends one per 5 s
	rx, tx    int64
	chatter   bool // the gateway sends initiations that count as received bytes

	probeAt  time.Time // zero: none under way
	repairAt time.Time
	repairs  orders
	log      []string
	asks     int
}

func newWorld() *world {
	w := &world{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), to: true, from: true, gateway: true, peer: true, dns: dns.RcodeSuccess, lost: time.Second}
	w.v = newVerdict(w.now, timings{})
	w.v.canAsk, w.v.canResolve, w.v.canRebind = true, true, true
	return w
}

func (w *world) path() bool {
	return w.gateway && w.peer && !w.moved && !w.badPort && (w.web || !w.webOnly)
}

func (w *world) counters() counters {
	return counters{known: !w.noCounter, handshake: w.handshake, rx: w.rx, tx: w.tx}
}

func (w *world) initiate() {
	if w.now.Sub(w.lastSent) < 5*time.Second {
		return
	}
	w.lastSent, w.tx = w.now, w.tx+148
	if w.path() && w.to && w.from {
		w.handshake, w.keys, w.rx = w.now, true, w.rx+92
	}
}

// run lets time pass in steps of a tick and logs changes of state with their second.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(250 * time.Millisecond) {
		before := w.v.state
		if !w.probeAt.IsZero() && w.now.Sub(w.probeAt) >= w.lost {
			err := errors.New("i/o timeout")
			if w.machine && w.path() && w.to && w.from {
				err = errServerSilent
			}
			w.answer(0, err)
		}
		if !w.repairAt.IsZero() {
			w.repairAt = time.Time{}
			w.repair()
			w.v.repaired(w.repairs.why)
		}
		if w.chatter {
			w.rx += 148
		}
		o := w.v.tick(w.now, w.counters())
		if len(o.repairs) > 0 {
			w.repairAt, w.repairs = w.now, o
		}
		if o.probe {
			w.probe()
		}
		if w.v.state != before {
			w.log = append(w.log, fmt.Sprintf("%s %s", w.v.state, before))
		}
	}
}

func (w *world) probe() {
	w.probeAt, w.tx = w.now, w.tx+100
	if !w.keys {
		w.initiate() // data without keys asks for them
	}
	if !w.keys || !w.path() || !w.to || !w.from || w.dns < 0 {
		return
	}
	w.rx += 200
	if w.dns == dns.RcodeSuccess || w.dns == dns.RcodeNameError {
		w.answer(time.Millisecond, nil)
		return
	}
	w.answer(time.Millisecond, RcodeError{w.dns})
}

func (w *world) answer(rtt time.Duration, err error) {
	sent := w.probeAt
	w.probeAt = time.Time{}
	w.v.probed(sent, w.now, rtt, err, w.counters())
}

func (w *world) repair() {
	for _, r := range w.repairs.repairs {
		switch r {
		case repairAsk:
			w.asks++
			w.initiate()
		case repairResolve:
			w.moved = false
		case repairRebind:
			w.badPort = false
		case repairSwitch:
			w.web = !w.web
			w.keys, w.lastSent = false, time.Time{}
		}
	}
}

// until runs until the state is s and returns how long it took.
func (w *world) until(t *testing.T, s State, most time.Duration) time.Duration {
	t.Helper()
	start := w.now
	for w.now.Sub(start) < most {
		if w.v.state == s {
			return w.now.Sub(start)
		}
		w.run(250 * time.Millisecond)
	}
	t.Fatalf("state is %s after %s, want %s; heals %d, last %q", w.v.state, most, s, w.v.heals, w.v.lastHeal)
	return 0
}

func (w *world) settle(t *testing.T) {
	t.Helper()
	w.until(t, StateUp, 10*time.Second)
	w.run(20 * time.Second)
	if w.v.state != StateUp || w.v.heals != 0 {
		t.Fatalf("does not settle: %s, %d heals", w.v.state, w.v.heals)
	}
}

// Each row is a failure that was watched on real tunnels.
func TestVerdictNoticesAndHeals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(*world)
		hold    time.Duration // the cause lasts so long
		cure    func(*world)  // how it ends; nil: by what is tried
		want    State         // while it lasts
		within  time.Duration // that state is reached
		healed  time.Duration // then up again, at most
		heal    string        // part of the last heal
	}{
		{
			"peer restarts", func(w *world) { w.gateway, w.keys = false, false }, 3 * time.Second,
			func(w *world) { w.gateway = true }, "", 0, 8 * time.Second, "",
		},
		{
			"peer is away for a minute", func(w *world) { w.gateway, w.keys = false, false }, time.Minute,
			func(w *world) { w.gateway = true }, StateDead, 8 * time.Second, 6 * time.Second, "",
		},
		{
			"peer forgot our keys", func(w *world) { w.keys = false }, 0,
			nil, "", 0, 7 * time.Second, "",
		},
		{
			"endpoint moves", func(w *world) { w.moved = true }, 0,
			nil, StateDead, 8 * time.Second, 8 * time.Second, "re-resolve",
		},
		{
			"UDP is blocked for 40 s", func(w *world) { w.to, w.from = false, false }, 40 * time.Second,
			func(w *world) { w.to, w.from = true, true }, StateDead, 8 * time.Second, 2 * time.Second, "",
		},
		{
			"UDP is blocked for 150 s", func(w *world) { w.to, w.from = false, false }, 150 * time.Second,
			func(w *world) { w.to, w.from = true, true }, StateDead, 8 * time.Second, 2 * time.Second, "new port",
		},
		{
			"answers are blocked for 40 s", func(w *world) { w.from = false }, 40 * time.Second,
			func(w *world) { w.from = true }, StateDead, 8 * time.Second, 2 * time.Second, "",
		},
		{
			"the gateway cannot hear us but talks", func(w *world) { w.to, w.chatter = false, true }, 40 * time.Second,
			func(w *world) { w.to = true }, StateDead, 8 * time.Second, 2 * time.Second, "",
		},
		{
			"this port is blocked for good", func(w *world) { w.badPort = true }, 0,
			nil, StateDead, 8 * time.Second, 15 * time.Second, "new port",
		},
		{
			"internal DNS is silent for 40 s", func(w *world) { w.dns = -1 }, 40 * time.Second,
			func(w *world) { w.dns = dns.RcodeSuccess }, StateDNSDown, 9 * time.Second, 2 * time.Second, "",
		},
		{
			"internal DNS answers SERVFAIL", func(w *world) { w.dns = dns.RcodeServerFailure }, 40 * time.Second,
			func(w *world) { w.dns = dns.RcodeSuccess }, StateDNSDown, 7 * time.Second, 2 * time.Second, "",
		},
		{
			"the peer is removed", func(w *world) { w.peer = false }, 5 * time.Minute,
			func(w *world) { w.peer = true }, StateDead, 8 * time.Second, 30 * time.Second, "new port",
		},
		{
			"the peer dies while its DNS is silent", func(w *world) { w.dns = -1; w.run(20 * time.Second); w.gateway = false }, 0,
			func(w *world) { w.dns = 0; w.run(20 * time.Second); w.gateway = true }, StateDead, 16 * time.Second, 35 * time.Second, "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.settle(t)
			tt.prepare(w)
			start := w.now
			if tt.want != "" {
				w.until(t, tt.want, tt.within)
			}
			for w.now.Sub(start) < tt.hold {
				w.run(250 * time.Millisecond)
				if tt.want != "" && w.v.state != tt.want {
					t.Fatalf("flaps: %s, want %s; %v", w.v.state, tt.want, w.log)
				}
			}
			if tt.cure != nil {
				tt.cure(w)
			}
			w.until(t, StateUp, tt.healed)
			if !strings.Contains(w.v.lastHeal, tt.heal) {
				t.Errorf("last heal is %q, want %q in it", w.v.lastHeal, tt.heal)
			}
			if tt.want == StateDNSDown && w.v.heals != 0 {
				t.Errorf("%d repairs of a tunnel that worked", w.v.heals)
			}
			w.run(30 * time.Second)
			if w.v.state != StateUp {
				t.Errorf("does not stay up: %s", w.v.state)
			}
		})
	}
}

func TestVerdictWaitsWhereTheHandshakeIsTooYoungToAskForAnother(t *testing.T) {
	w := newWorld()
	w.until(t, StateUp, 10*time.Second) // with a handshake
	w.run(5 * time.Second)
	w.lastSent, w.handshake = w.now, w.now
	w.dns = -1
	for range 4 * 40 {
		w.run(250 * time.Millisecond)
		if w.v.state == StateDead || w.v.heals > 0 {
			t.Fatalf("taken for %s, %d repairs", w.v.state, w.v.heals)
		}
	}
	if w.v.state != StateDNSDown {
		t.Errorf("state is %s", w.v.state)
	}
}

func TestVerdictProbesSlowlyWhenAllIsWell(t *testing.T) {
	w := newWorld()
	w.settle(t)
	probes, asks := w.tx, w.asks
	w.run(60 * time.Second)
	if n := (w.tx - probes) / 100; n < 11 || n > 13 {
		t.Errorf("%d probes in a minute, want 12", n)
	}
	if w.asks != asks {
		t.Errorf("%d handshakes asked for", w.asks-asks)
	}
}

func TestVerdictProbesWhenNobodyAnswersOurTraffic(t *testing.T) {
	w := newWorld()
	w.settle(t)
	w.v.lastProbe = w.now // the next would be in 5 s
	w.to = false
	start := w.now
	for w.v.state == StateUp {
		w.tx += 1000
		w.run(250 * time.Millisecond)
		if w.now.Sub(start) > 10*time.Second {
			t.Fatal("not noticed")
		}
	}
	if d := w.now.Sub(start); d > 3500*time.Millisecond {
		t.Errorf("suspect after %s, want 3.5 s", d)
	}
}

func TestVerdictAfterSleep(t *testing.T) {
	w := newWorld()
	w.settle(t)
	w.keys, w.badPort = false, true // what the world has done meanwhile
	w.now = w.now.Add(10 * time.Minute)
	start := w.now
	w.until(t, StateUp, 5*time.Second)
	w.run(3 * time.Second)
	if w.v.state != StateUp || !strings.HasPrefix(w.v.lastHeal, "slept 10 m") {
		t.Errorf("%s after sleep; last heal %q", w.v.state, w.v.lastHeal)
	}
	if d := w.v.lastOK.Sub(start); d > 3*time.Second {
		t.Errorf("works again %s after waking up", d)
	}
}

func TestVerdictBacksOff(t *testing.T) {
	w := newWorld()
	w.settle(t)
	w.peer = false
	w.until(t, StateDead, 10*time.Second)
	var at []time.Duration
	heals, start := 0, w.now
	for w.now.Sub(start) < 100*time.Second {
		if w.v.heals != heals {
			heals = w.v.heals
			at = append(at, w.now.Sub(start).Round(time.Second))
		}
		w.run(250 * time.Millisecond)
	}
	var gaps []time.Duration
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i]-at[i-1])
	}
	want := []time.Duration{2e9, 5e9, 5e9, 10e9, 10e9, 20e9, 30e9}
	if diff := cmp.Diff(want, gaps[:min(len(gaps), len(want))]); diff != "" {
		t.Errorf("seconds between rounds (-want +got):\n%s", diff)
	}
}

func TestVerdictConnectsWhenTheGatewayComes(t *testing.T) {
	w := newWorld()
	w.gateway = false
	w.run(40 * time.Second)
	if w.v.state != StateConnecting {
		t.Fatalf("state is %s before any life, want connecting", w.v.state)
	}
	w.gateway = true
	w.until(t, StateUp, 6*time.Second)
}

func TestVerdictConnectingFindsDNSDown(t *testing.T) {
	for _, rcode := range []int{-1, dns.RcodeServerFailure, dns.RcodeRefused} {
		w := newWorld()
		w.dns = rcode
		w.until(t, StateDNSDown, 5*time.Second)
		w.dns = dns.RcodeNameError // the server works and does not know the name
		w.until(t, StateUp, 3*time.Second)
	}
}

func TestVerdictTakesTheWebsocketWhereUDPDoesNotPass(t *testing.T) {
	w := newWorld()
	w.v.canSwitch, w.webOnly = true, true
	d := w.until(t, StateUp, 20*time.Second)
	if !w.v.web || w.v.lastHeal != transportWeb || d < 9*time.Second || d > 13*time.Second {
		t.Errorf("up after %s, websocket %v, last heal %q", d, w.v.web, w.v.lastHeal)
	}
	w.run(5 * time.Minute)
	if !w.v.web || w.v.state != StateUp {
		t.Errorf("left a websocket that works: %s", w.v.state)
	}
}

func TestVerdictReturnsToUDPThatHasWorked(t *testing.T) {
	w := newWorld()
	w.v.canSwitch = true
	w.settle(t)
	w.gateway, w.keys = false, false
	onWeb, total := 0, 0
	for range 4 * 300 {
		w.run(250 * time.Millisecond)
		total++
		if w.v.web {
			onWeb++
		}
	}
	if onWeb == 0 || onWeb > total/3 {
		t.Errorf("on the websocket for %d of %d quarter seconds, want some and less than a third", onWeb, total)
	}
	w.gateway = true
	w.until(t, StateUp, 15*time.Second)
}

func TestVerdictWithoutCountersTakesTheLongWay(t *testing.T) {
	w := newWorld()
	w.noCounter = true
	w.v.canAsk, w.v.canResolve, w.v.canRebind = false, false, false
	w.v.t.verdict = 20 * time.Second
	w.keys, w.handshake = true, w.now
	w.settle(t)
	w.to = false
	d := w.until(t, StateDead, 30*time.Second)
	if d < 19*time.Second || d > 27*time.Second {
		t.Errorf("dead after %s, want about 20 s", d)
	}
	if w.v.heals != 0 {
		t.Error("repairs that this network does not have were counted")
	}
	w.to = true
	w.until(t, StateUp, 2*time.Second)
}

// TestVerdictWithoutRepairsIsReachedInTime at the worst moment, just after a probe: as for an existing interface, whose
// probes take two timeouts where nothing answers.
func TestVerdictWithoutRepairsIsReachedInTime(t *testing.T) {
	w := newWorld()
	w.v.canAsk, w.v.canResolve, w.v.canRebind = false, false, false
	w.v.t, w.lost = interfaceTimings().withDefaults(), 2*time.Second
	w.settle(t)
	for w.run(0); !w.v.lastProbe.Equal(w.now.Add(-250 * time.Millisecond)); {
		w.run(250 * time.Millisecond)
	}
	w.to = false
	if d := w.until(t, StateDead, 15*time.Second); d < 9*time.Second {
		t.Errorf("dead after %s: not the worst moment", d)
	}
	w.to, w.dns, w.machine = true, -1, true
	w.until(t, StateDNSDown, 5*time.Second)
	w.run(time.Minute)
	if w.v.state != StateDNSDown || w.v.heals > 0 {
		t.Errorf("%s, %d repairs with a silent server on a machine that answers", w.v.state, w.v.heals)
	}
	w.gateway = false
	w.until(t, StateDead, 20*time.Second)
}

func TestVerdictTakesNoRoundTripFromAnAnswerThatWaited(t *testing.T) {
	w := newWorld()
	w.settle(t)
	v, now := w.v, w.now
	v.probed(now, now.Add(time.Second), 0, errors.New("i/o timeout"), w.counters())
	now = now.Add(2 * time.Second)
	v.probed(now.Add(-time.Second), now, 973*time.Millisecond, nil, w.counters())
	if v.rtt != time.Millisecond || v.state != StateUp {
		t.Errorf("round trip %s, state %s", v.rtt, v.state)
	}
	if !v.tick(now, w.counters()).probe {
		t.Error("the round trip is not asked for again")
	}
	v.probed(now, now, 2*time.Millisecond, nil, w.counters())
	if v.rtt != 2*time.Millisecond {
		t.Errorf("round trip %s", v.rtt)
	}
}

func TestVerdictRates(t *testing.T) {
	w := newWorld()
	w.settle(t)
	for range 80 {
		w.tx, w.rx = w.tx+250, w.rx+2500
		w.run(250 * time.Millisecond)
	}
	if w.v.rxRate < 9000 || w.v.rxRate > 11000 || w.v.txRate < 900 || w.v.txRate > 1200 {
		t.Errorf("rates are %.0f and %.0f, want about 10000 and 1000", w.v.rxRate, w.v.txRate)
	}
	total := w.v.rx
	w.rx, w.tx = 10, 10 // a device made anew counts from zero
	w.run(30 * time.Second)
	if w.v.rx < total || w.v.rx > total+5000 {
		t.Errorf("total went from %d to %d", total, w.v.rx)
	}
	if w.v.rxRate < 0 || w.v.rxRate > 100 {
		t.Errorf("rate is %.0f after the traffic ended", w.v.rxRate)
	}
}

func TestCausesNameWhatIsKnown(t *testing.T) {
	w := newWorld()
	status := func() (s Status) {
		s = Status{At: w.now, State: w.v.state, Since: w.v.since, Endpoint: "192.0.2.1:51820", DNS: "[fdaa:0:18::3]:53", LastOK: w.v.lastOK}
		s.HandshakeKnown, s.HandshakeAt = true, w.handshake
		s.Cause, s.Advice = causeOf(s, w.v, ""), adviceOf(s, w.v)
		return s
	}
	w.gateway = false
	w.run(12 * time.Second)
	connecting := status()
	w.gateway = true
	w.until(t, StateUp, 10*time.Second)
	up := status()
	w.run(20 * time.Second)
	w.dns = -1
	w.until(t, StateDNSDown, 10*time.Second)
	w.run(2 * time.Second)
	silent := status()
	w.dns = dns.RcodeServerFailure
	w.run(3 * time.Second)
	fails := status()
	w.dns = 0
	w.until(t, StateUp, 10*time.Second)
	w.peer = false
	w.until(t, StateDead, 10*time.Second)
	w.run(70 * time.Second)
	dead := status()

	for _, tt := range []struct{ got, want string }{
		{connecting.Cause, "no answer from 192.0.2.1:51820 after 12 s"},
		{connecting.Advice, "UDP blocked, wrong endpoint, or peer removed: see fly wireguard list"},
		{up.Cause + up.Advice, ""},
		{silent.Cause, "tunnel works (handshake # s ago), internal DNS [fdaa:0:18::3]:53 does not answer"},
		{fails.Cause, "tunnel works (handshake # s ago), internal DNS [fdaa:0:18::3]:53 answers SERVFAIL"},
		{dead.Cause, "tunnel silent for # s (last handshake # s ago); trying: new port"},
		{dead.Advice, "the peer may have been removed: see fly wireguard list; ops-console wg join makes a new one"},
	} {
		if !like(tt.got, tt.want) {
			t.Errorf("got  %q\nwant %q", tt.got, tt.want)
		}
	}
}

// like compares texts, # in want stands for any number.
func like(got, want string) bool {
	parts := strings.Split(want, "#")
	if len(parts) == 1 {
		return got == want
	}
	words := strings.Fields(got)
	for i, x := range strings.Fields(want) {
		if i >= len(words) || x != words[i] && !strings.Contains(x, "#") {
			return false
		}
	}
	return len(words) == len(strings.Fields(want))
}

func TestRoughly(t *testing.T) {
	var got []string
	for _, d := range []time.Duration{-1, 0, 34 * time.Second, 119 * time.Second, 2 * time.Minute, 3 * time.Hour, 50 * time.Hour} {
		got = append(got, roughly(d))
	}
	if want := []string{"0 s", "0 s", "34 s", "119 s", "2 m", "3 h", "2 d"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
