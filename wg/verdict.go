package wg

import (
	"errors"
	"math"
	"time"

	"ops-console/wg/conf"
)

// timings of the watch over a network. Zero fields take the defaults.
type timings struct {
	tick     time.Duration   // between looks at the counters: 250 ms
	idle     time.Duration   // between probes while all is well: 5 s
	fast     time.Duration   // between probes otherwise: 500 ms
	timeout  time.Duration   // of a probe: 1 s
	quiet    time.Duration   // sending without hearing for so long starts a probe: 1.5 s
	verdict  time.Duration   // from the first lost probe to dead or dns-down: 2 s
	ask      time.Duration   // between handshakes asked for; WireGuard sends no more often: 5 s
	fresh    time.Duration   // a handshake finished so long ago is no longer a sign of life: 12 s
	gap      time.Duration   // a jump of the wall clock that means that the machine slept: 5 s
	slow     time.Duration   // connecting for so long deserves advice: 10 s
	patience time.Duration   // dead for so long makes dials fail at once: 3 s
	removed  time.Duration   // dead for so long suggests that the peer was removed: 60 s
	udp, web time.Duration   // without life on this transport, the other one is tried: 10 s, 8 s
	backoff  []time.Duration // between rounds of repair: 2 5 5 10 10 20 30 s
}

func (t timings) withDefaults() timings {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&t.tick, 250*time.Millisecond)
	def(&t.idle, 5*time.Second)
	def(&t.fast, 500*time.Millisecond)
	def(&t.timeout, time.Second)
	def(&t.quiet, 1500*time.Millisecond)
	def(&t.verdict, 2*time.Second)
	def(&t.ask, 5*time.Second)
	def(&t.fresh, 12*time.Second)
	def(&t.gap, 5*time.Second)
	def(&t.slow, 10*time.Second)
	def(&t.patience, 3*time.Second)
	def(&t.removed, time.Minute)
	def(&t.udp, 10*time.Second)
	def(&t.web, 8*time.Second)
	if t.backoff == nil {
		for _, s := range []int{2, 5, 5, 10, 10, 20, 30} {
			t.backoff = append(t.backoff, time.Duration(s)*time.Second)
		}
	}
	return t
}

// counters are what a WireGuard device says of its peer.
type counters struct {
	known     bool // false: this network cannot tell, and the rest is meaningless
	handshake time.Time
	rx, tx    int64
	endpoint  string
}

func countersOf(p conf.PeerState) counters {
	c := counters{known: true, handshake: p.HandshakeAt, rx: p.Rx, tx: p.Tx}
	if p.Endpoint.IsValid() {
		c.endpoint = p.Endpoint.String()
	}
	return c
}

// repair is one step of healing.
type repair int

const (
	repairAsk     repair = iota // ask the peer for a handshake
	repairResolve               // ask the machine's DNS where the endpoint is now
	repairRebind                // leave from another port
	repairSwitch                // the other transport
)

// orders are what verdict wants done. Its owner does them and reports back.
type orders struct {
	probe   bool     // ask the DNS server in the tunnel; answer with probed
	repairs []repair // in this order; answer with repaired
	why     string   // of the repairs; empty for those that only find out
}

// verdict decides from probes, counters and the clock what state a network is in, and what to try. It does nothing
// itself and reads no clock.
//
//   - A probe is a DNS question through the tunnel. Every answer is proof of the tunnel; an answer that says that the
//     server does not work (SERVFAIL, REFUSED) makes the state dns-down without further questions.
//   - When a probe is lost, the peer is asked for a handshake, which a live peer finishes within a round trip. After
//     timings.verdict a finished handshake means dns-down, none means dead. Within 5 s of the last handshake WireGuard
//     does not ask, and the verdict waits.
//   - Received bytes prove nothing: a peer that cannot hear us goes on sending initiations, and they count.
//   - Session keys are never thrown away: after a short outage they still work, where a handshake would have to wait.
//   - Where the wall clock jumps the machine slept, and WireGuard's timers, which stand still in sleep, still trust
//     keys that the peer has forgotten.
type verdict struct {
	t          timings
	canAsk     bool // handshakes can be asked for
	canResolve bool
	canRebind  bool
	canSwitch  bool

	state State
	since time.Time
	start time.Time

	probing   bool
	lastProbe time.Time
	suspectAt time.Time   // when the first of the lost probes was sent
	badAnswer *RcodeError // of the last probe
	bad       int         // answers in a row that say that the server does not work
	lastOK    time.Time   // the last good answer
	heard     time.Time   // when the silent server's machine answered otherwise, as errServerSilent says
	rtt       time.Duration
	lastAsk   time.Time
	lastWall  time.Time

	last     counters
	lastRead time.Time
	mute     time.Time // since when we send and hear nothing
	rx, tx   int64     // since the start, also over a device made anew
	rxRate   float64
	txRate   float64

	busy     bool // repairs are under way
	waking   bool // those after a sleep: a probe sent before would spend the handshake on the old port
	round    int  // of repair
	nextHeal time.Time
	heals    int
	lastHeal string

	web       bool // the transport is the websocket
	switched  time.Time
	udpWorked bool
	switches  int
}

func newVerdict(now time.Time, t timings) *verdict {
	return &verdict{t: t.withDefaults(), state: StateConnecting, since: now, start: now, switched: now, lastWall: now.Round(0)}
}

// tick takes the time and the counters, every timings.tick or so.
func (v *verdict) tick(now time.Time, c counters) orders {
	var o orders
	slept := now.Round(0).Sub(v.lastWall)
	v.lastWall = now.Round(0)
	v.count(now, c)
	if slept > v.t.gap && !v.busy {
		v.lastProbe = time.Time{}
		if v.canRebind {
			v.heals++
			o = v.order("slept "+roughly(slept)+": new port", repairRebind, repairAsk)
			v.lastAsk = now
			v.waking = true
		}
	}
	if !v.probing && !v.waking && now.Sub(v.lastProbe) >= v.interval(now) {
		v.probing, v.lastProbe, o.probe = true, now, true
	}
	if len(o.repairs) == 0 && !v.busy && v.state != StateUp {
		r := v.heal(now)
		o.repairs, o.why = r.repairs, r.why
	}
	return o
}

func (v *verdict) interval(now time.Time) time.Duration {
	if v.state != StateUp || !v.suspectAt.IsZero() {
		return v.t.fast
	}
	if !v.mute.IsZero() && now.Sub(v.mute) > v.t.quiet {
		return v.t.fast
	}
	return v.t.idle
}

// probed takes the outcome of the probe that was sent at sent. rtt is positive when there was any answer.
func (v *verdict) probed(sent, now time.Time, rtt time.Duration, err error, c counters) {
	v.probing = false
	v.lastWall = now.Round(0)
	v.count(now, c)
	v.badAnswer = nil
	if err == nil {
		v.lastOK, v.bad = now, 0
		v.sample(rtt)
		v.alive()
		v.set(now, StateUp)
		return
	}
	if re := (RcodeError{}); errors.As(err, &re) {
		v.badAnswer = &re
		v.sample(rtt)
		v.alive()
		if v.bad++; v.bad >= 2 || v.state == StateConnecting {
			v.set(now, StateDNSDown)
		} else if v.state == StateUp {
			v.set(now, StateSuspect)
		}
		return
	}
	v.bad = 0
	if errors.Is(err, errServerSilent) {
		v.heard = now
	}
	if v.suspectAt.IsZero() {
		v.suspectAt = sent
		if v.state == StateUp {
			v.set(now, StateSuspect)
		}
		return
	}
	if c.known && c.handshake.After(sent) {
		v.lastProbe = time.Time{} // it went out under the old keys: once more, at once
		return
	}
	if now.Sub(v.suspectAt) < v.t.verdict {
		return
	}
	switch {
	case v.peerAlive(now):
		v.alivePeer()
		v.set(now, StateDNSDown)
	case v.state != StateConnecting && v.asked(now):
		v.set(now, StateDead)
	}
}

// sample takes a round trip. The answer that ends a silence may have waited for the way to open: it proves life, and the
// speed is asked for again at once.
func (v *verdict) sample(rtt time.Duration) {
	if v.suspectAt.IsZero() && rtt <= v.t.timeout {
		v.rtt = rtt
		return
	}
	v.lastProbe = time.Time{}
}

// mayAsk: WireGuard drops what is asked sooner.
func (v *verdict) mayAsk(now time.Time) bool {
	return v.canAsk && now.Sub(v.lastAsk) >= v.t.ask && now.Sub(v.last.handshake) >= v.t.ask
}

// asked: the peer had the chance to show that it lives. Where nobody can ask, time alone decides.
func (v *verdict) asked(now time.Time) bool {
	return !v.canAsk || !v.lastAsk.Before(v.suspectAt) && now.Sub(v.lastAsk) >= v.t.verdict/2
}

// alive forgets the doubt about the tunnel.
func (v *verdict) alive() {
	v.suspectAt = time.Time{}
	v.alivePeer()
}

func (v *verdict) alivePeer() {
	v.round, v.nextHeal = 0, time.Time{}
	if !v.web {
		v.udpWorked = true
	}
}

// peerAlive: only a finished handshake proves both directions, or an answer of another kind.
func (v *verdict) peerAlive(now time.Time) bool {
	fresh := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) < v.t.fresh }
	h := v.last.handshake
	switch {
	case v.suspectAt.IsZero():
		return false
	case fresh(v.heard) && !v.heard.Before(v.suspectAt):
		return true
	case !v.last.known || !fresh(h):
		return false
	}
	// While connecting there are no earlier times whose handshake could mislead.
	return !h.Before(v.suspectAt) || v.state == StateConnecting
}

// heal is what to try now that the network is not up.
func (v *verdict) heal(now time.Time) orders {
	if v.suspectAt.IsZero() { // bad answers only, or nothing lost yet: the tunnel works
		return orders{}
	}
	if v.state == StateSuspect || v.state == StateDNSDown || now.Sub(v.suspectAt) < v.t.verdict {
		// Asked again and again in dns-down: the answer is what tells it from dead.
		if v.mayAsk(now) {
			v.lastAsk = now
			return v.order("", repairAsk)
		}
		return orders{}
	}
	if v.peerAlive(now) {
		return orders{}
	}
	if v.canSwitch && now.Sub(v.switched) >= v.onTransport() && now.Sub(v.suspectAt) >= v.t.udp {
		v.switched, v.lastAsk = now, now
		v.switches++
		v.web = !v.web
		v.heals++
		v.nextHeal = now.Add(v.t.backoff[0])
		name := "udp"
		if v.web {
			name = "websocket"
		}
		return v.order(name, repairSwitch, repairAsk)
	}
	if now.Before(v.nextHeal) {
		return orders{}
	}
	var rr []repair
	why := ""
	add := func(can bool, r repair, name string) {
		if can {
			rr = append(rr, r)
			why = name
		}
	}
	add(v.canAsk, repairAsk, "rekey")
	if v.round >= 1 {
		add(v.canResolve, repairResolve, "re-resolve")
	}
	if v.round >= 2 && !v.web {
		// Not sooner: a gateway that installs peers on demand answers to the port of our first question.
		add(v.canRebind, repairRebind, "new port")
	}
	v.nextHeal = now.Add(v.t.backoff[min(v.round, len(v.t.backoff)-1)])
	v.round++
	if len(rr) == 0 {
		return orders{}
	}
	v.heals++
	if len(rr) > 1 { // the question goes out last, on the new way
		rr = append(rr[1:], repairAsk)
	}
	v.lastAsk = now
	return v.order(why, rr...)
}

// onTransport is how long the present transport may be without life before the other is tried. One that has worked
// here gets more and more time against one that has not.
func (v *verdict) onTransport() time.Duration {
	if v.web {
		return v.t.web
	}
	if v.udpWorked {
		return v.t.udp << min(v.switches/2, 3)
	}
	return v.t.udp
}

func (v *verdict) order(why string, rr ...repair) orders {
	v.busy = true
	return orders{repairs: rr, why: why}
}

// repaired takes the end of repairs. what says it in words; empty leaves LastHeal alone.
func (v *verdict) repaired(what string) {
	v.busy, v.waking = false, false
	if what != "" {
		v.lastHeal = what
	}
}

func (v *verdict) set(now time.Time, s State) {
	if v.state != s {
		v.state, v.since = s, now
	}
}

// count takes the counters in: rates, and whether we talk to nobody.
func (v *verdict) count(now time.Time, c counters) {
	dt := now.Sub(v.lastRead).Seconds()
	if !c.known || dt <= 0 {
		return
	}
	rx, tx := moved(v.last.rx, c.rx), moved(v.last.tx, c.tx)
	v.rx, v.tx = v.rx+rx, v.tx+tx
	if c.handshake.IsZero() { // the peer was made anew, and we know better
		c.handshake = v.last.handshake
	}
	if v.last.known && !v.lastRead.IsZero() {
		const window = 3 // seconds
		w := 1 - math.Exp(-dt/window)
		v.rxRate += (float64(rx)/dt - v.rxRate) * w
		v.txRate += (float64(tx)/dt - v.txRate) * w
	}
	switch {
	case rx > 0:
		v.mute = time.Time{}
	case tx > 0 && v.mute.IsZero():
		v.mute = now
	}
	v.last, v.lastRead = c, now
}

// moved is how far a counter came that may have begun anew.
func moved(from, to int64) int64 {
	if to < from {
		return to
	}
	return to - from
}
