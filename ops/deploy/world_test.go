package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A world is a platform of three machines in virtual time, whose every call can go wrong in every way, and which notices
// when a deployment does something it must never do.

type env struct {
	name     string
	image    string // good, bad, crash, flaky2, late1, sleepy, reverted
	mig      string // none, ok, fail, partial, slow, lost
	unfit    bool   // the old release does not work with the new schema
	declared Ability
	dead     int           // machine whose host dies, from 1; 0: none
	deadAt   time.Duration // after the beginning
	strategy Strategy
	auto     bool          // the third machine is stopped by the platform for want of traffic
	ttl      time.Duration // of leases; 0: so long that none has to be renewed
	down     time.Duration // how long a killed process is away; 0: until its leases have lapsed
	foreign  bool          // somebody else's release command runs at first
	held     bool          // somebody else holds the third machine all the time
	changed  bool          // the second machine was changed since the plan was made
	vulture  bool          // somebody else takes every lease of ours that lapses
	ask      Choice        // what is asked for where it stands still, once
	want     string        // how it ends where nothing else goes wrong; empty: it follows from the rest
	fleet    []fleet       // nil: three machines of one group in one region
	away     int           // how many may be away per group; 0: one
	abortAt  time.Duration // somebody asks for an abort then; 0: nobody does
	vanish   int           // machine that somebody destroys, from 1; 0: none
	comes    bool          // somebody makes another machine, with the old release
	then     time.Duration // when
	gate     Verdict       // of a required gate before the change; empty: there is none
	lost     bool          // whoever goes on after a crash has no journal
	kept     bool          // processes keep the nonces of their leases for those after them
	forgets  bool          // the platform does not show release commands any more that have ended, after a while
}

// fleet is a number of machines of a group in a region.
type fleet struct {
	group, region string
	n             int
}

type fmachine struct {
	id, region string
	group      string
	n          int
	digest     string
	mark, key  string
	head       string
	changing   time.Time // until then
	stopped    bool
	gone       bool
	cordoned   bool
	ours       bool // changed by us
	restarted  bool
	nonce      string
	desc       string
	expires    time.Time
	conflicts  int // refusals of ours since somebody else took it
	undo       time.Time
	made       time.Time
}

type frun struct {
	id, key string
	state   RunState
	until   time.Time
	made    time.Time
	ended   time.Time
	code    int
}

// late is a call that has its effect after its answer was given up.
type late struct {
	at time.Time
	in Intent
}

type world struct {
	env   env
	c     *chooser
	now   time.Time
	start time.Time
	ms    []*fmachine
	runs  []*frun
	lates []late

	schema  int
	ran     int // release commands that began
	forced  bool
	cut     bool // green got traffic
	record  *ReleaseRecord
	opens   int
	next    int // counts the machines that are made
	nonces  int
	blind   int // looks that showed nothing
	calls   int
	last    *Reading
	viol    []string
	other   bool // somebody else took a lease
	maxAway int
	size    int // machines at the beginning
	inLate  bool
	hung    bool // a close of the release record comes late
	abortAt time.Time
	stale   bool // a machine was shown as well after it had turned bad: nobody could know
}

type crash struct{}

func newWorld(e env, c *chooser) *world {
	w := &world{env: e, c: c, now: epoch, start: epoch, maxAway: max(e.away, 1)}
	if e.fleet == nil {
		e.fleet = three
	}
	for _, f := range e.fleet {
		for range f.n {
			w.ms = append(w.ms, &fmachine{id: fmt.Sprintf("m%d", len(w.ms)+1), region: f.region, group: f.group, n: 1, digest: oldDigest})
		}
	}
	w.size = len(w.ms)
	w.stale = e.image == "flap" // it can be well for as long as is asked for, and turn bad
	w.next = 100
	if e.auto {
		w.ms[2].stopped = true
	}
	if e.foreign {
		w.runs = append(w.runs, &frun{id: "r-foreign", state: RunStarted, until: epoch.Add(20 * time.Second)})
	}
	if e.held {
		m := w.ms[2]
		m.nonce, m.desc, m.expires = "other", "somebody else", epoch.Add(24*time.Hour)
	}
	if e.changed {
		w.ms[1].n++
	}
	return w
}

var three = []fleet{{"app", "fra", 3}}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	oldDigest = "sha256:old"
	newDigest = "sha256:new"
)

func (w *world) v(format string, a ...any) { w.viol = append(w.viol, fmt.Sprintf(format, a...)) }

func (w *world) find(id string) *fmachine {
	for _, m := range w.ms {
		if m.id == id && !m.gone {
			return m
		}
	}
	return nil
}

func (w *world) isDead(m *fmachine) bool {
	return w.env.dead > 0 && m.id == fmt.Sprintf("m%d", w.env.dead) && w.now.Sub(w.start) >= w.env.deadAt
}

func (w *world) healthy(m *fmachine) bool {
	if m.stopped || w.now.Before(m.changing) {
		return false
	}
	if m.digest == oldDigest {
		return w.schema == 0 || !w.env.unfit
	}
	switch w.env.image {
	case "bad", "crash":
		return false
	case "flaky2":
		return m.id != "m2" && !strings.HasSuffix(m.key, ":m2")
	case "late1":
		for _, x := range w.ms {
			if x.key == "" && !x.gone && (x.digest == oldDigest || w.now.Before(x.changing)) {
				return true
			}
		}
		return m.id != "m1"
	case "brief":
		return w.now.Before(m.changing.Add(2 * time.Second))
	case "traffic":
		return m.key == "" || m.cordoned
	case "flap":
		return w.now.Sub(m.changing)/(8*time.Second)%2 == 0
	case "sleepy":
		return m.restarted || m.key != "" && strings.Contains(m.key, "canary")
	}
	return true
}

// advance lets time pass, and what was to happen in it.
func (w *world) advance(to time.Time) {
	for {
		first := -1
		for i := range w.lates {
			if at := w.lates[i].at; !at.After(to) && (first < 0 || at.Before(w.lates[first].at)) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		l := w.lates[first]
		w.lates = slices.Delete(w.lates, first, first+1)
		w.now = later(w.now, l.at)
		w.inLate = true
		_, _ = w.effect(l.in)
		w.inLate = false
		w.tick()
	}
	w.now = later(w.now, to)
	w.tick()
}

func (w *world) tick() {
	for _, r := range w.runs {
		if r.state == RunStarted && !w.now.Before(r.until) && w.env.mig != "lost" {
			r.state, r.ended = RunExited, w.now
			if r.key == "" {
				continue
			}
			switch w.env.mig {
			case "fail":
				r.code = 1
			case "partial":
				r.code = 1
				w.schema = 1
			default:
				w.schema = 1
			}
		}
		if r.state == RunStarted && w.env.mig == "lost" && r.key != "" && !w.now.Before(r.until) {
			r.state = RunLost // killed by somebody
		}
	}
	if e := &w.env; e.then > 0 && w.now.Sub(w.start) >= e.then {
		if e.vanish > 0 {
			w.ms[e.vanish-1].gone = true
		}
		if e.comes {
			w.ms = append(w.ms, &fmachine{id: "mX", region: "fra", group: "app", n: 1, digest: oldDigest})
		}
		e.then = 0
	}
	for _, m := range w.ms {
		if w.env.vulture && strings.Contains(m.desc, "deploy D/") && !m.expires.After(w.now) {
			m.nonce, m.desc, m.expires = "other", "somebody else", w.now.Add(24*time.Hour)
			w.other = true
		}
		if !m.undo.IsZero() && !w.now.Before(m.undo) {
			// The platform could not get the image, and takes the update back.
			m.undo = time.Time{}
			m.n++
			m.digest, m.mark = oldDigest, ""
			m.changing = w.now.Add(2 * time.Second)
		}
	}
	w.blast()
}

// blast counts the machines that do not serve because of us (I4).
func (w *world) blast() {
	if w.env.strategy == StrategyImmediate || w.env.strategy == StrategyBlueGreen {
		return
	}
	most, away := 0, [4]int{}
	for _, m := range w.ms {
		if m.key == "" && m.ours && !m.gone && !w.isDead(m) && !(w.env.auto && m.id == "m3") && !w.healthy(m) {
			g := 0
			if m.group != "app" {
				g = 1
			}
			away[g]++
			most = max(most, away[g])
		}
	}
	if away := most; away > w.maxAway && !w.stale && !(w.schema == 1 && w.env.unfit) {
		w.v("I4 %d machines away because of us", away)
	}
}

func (w *world) alive() bool {
	for _, r := range w.runs {
		if r.state == RunStarted && r.key != "" {
			return true
		}
	}
	return false
}

// The faults of a call that changes something.
const (
	fOK = iota
	fNot
	fApplied
	fHang
	fCrashBefore
	fCrashAfter
	fTaken
	fBusy
	faults
)

var faultNames = [...]string{"ok", "not-done", "DONE-unclear", "hang-late", "crash-before", "crash-after", "lease-taken", "busy"}

var errUnclear = errors.New("504 gateway timeout")

// Do carries out an intent, or not.
func (w *world) Do(_ context.Context, in Intent) (Answer, error) {
	w.calls++
	w.advance(w.now.Add(10 * time.Millisecond))
	switch w.c.fault(&in) {
	case fNot:
		return Answer{}, errUnclear
	case fApplied:
		_, _ = w.effect(in)
		w.blast()
		return Answer{}, errUnclear
	case fHang:
		w.hung = w.hung || in.Verb == VerbClose
		at := w.now.Add(31 * time.Second) // after its answer was given up, and before the plan's Settle is over
		w.lates = append(w.lates, late{at, in})
		w.advance(w.now.Add(20 * time.Second))
		return Answer{}, context.DeadlineExceeded
	case fCrashBefore:
		panic(crash{})
	case fCrashAfter:
		_, _ = w.effect(in)
		panic(crash{})
	case fTaken:
		if m := w.find(in.Machine); m != nil {
			m.nonce, m.desc, m.expires = "other", "somebody else", w.now.Add(24*time.Hour)
			m.conflicts = 0
			if !in.Verb.Volatile() {
				m.conflicts = 1
			}
			w.other = true
		}
		return Answer{}, fmt.Errorf("lease held: %w", ErrConflict)
	case fBusy:
		return Answer{}, fmt.Errorf("429: %w", ErrBusy)
	}
	a, err := w.effect(in)
	w.blast()
	return a, err
}

// Observe looks, or sees what was there before.
func (w *world) Observe(context.Context, Want) (Reading, error) {
	w.calls++
	w.advance(w.now.Add(10 * time.Millisecond))
	f := w.c.look()
	switch {
	case f == 1 && w.last != nil:
		w.stale = w.stale || w.env.image == "brief" || w.env.image == "traffic" || w.env.image == "late1"
		return *w.last, nil
	case f == 2:
		w.blind++
		return Reading{Count: -1}, nil
	case f == 3:
		return Reading{}, errUnclear
	}
	r := Reading{Count: -1, Machines: make([]Machine, 0, len(w.ms))}
	for _, m := range w.ms {
		if m.gone {
			continue
		}
		r.Machines = append(r.Machines, w.machine(m))
	}
	for _, x := range w.runs {
		if w.env.forgets && x.state == RunExited && w.now.Sub(x.ended) > time.Minute {
			continue
		}
		r.Runs = append(r.Runs, Run{Machine: x.id, Key: x.key, State: x.state, Code: x.code})
	}
	if w.record != nil {
		rec := *w.record
		r.Record = &rec
	}
	w.last = &r
	return r, nil
}

func (w *world) machine(m *fmachine) Machine {
	out := Machine{
		ID: m.id, Region: m.region, Group: m.group, Version: m.version(), Digest: m.digest, Mark: m.mark, Key: m.key, Head: m.head, Cordoned: m.cordoned,
		State: Started,
	}
	if m.expires.After(w.now) {
		out.Lease = &Held{Description: m.desc, Expires: m.expires}
	}
	switch {
	case w.isDead(m):
		out.Lost = true
	case m.stopped:
		out.State = Stopped
	case w.now.Before(m.changing):
		out.State = Changing
	}
	if out.State == Started {
		ok := w.healthy(m)
		out.Checks = []Check{{Name: "http", Passing: ok}}
		if !ok && m.digest == newDigest && w.env.image == "crash" {
			out.Crashes = 1
			out.Exit = &Exit{Code: 1}
		}
	}
	return out
}

// plan is what is run in the world.
func (w *world) plan() *Plan {
	e := &w.env
	p := &Plan{
		ID: "D", App: "app", Kind: KindDeploy, By: "a@b", At: epoch, Artifact: Artifact{Image: "img:new", Digest: newDigest},
		From: Artifact{Image: "img:old", Digest: oldDigest}, Strategy: e.strategy,
		Old: Eligibility{Able: e.declared}, Timings: modelTimings,
	}
	for _, m := range w.ms {
		if p.maxUnavailable(m.group) == 0 {
			p.Groups = append(p.Groups, Group{Name: m.group, MaxUnavailable: w.maxAway})
		}
		t := Target{
			Machine: m.id, Region: m.region, Group: m.group, Config: []byte("{}"), Checks: 1,
			Prev: Snapshot{Version: m.id + "v1", Digest: oldDigest, Config: []byte("{}"), State: Started, Healthy: true, Checks: 1},
		}
		if m.stopped {
			t.Prev.State, t.Prev.Healthy, t.AutoStop, t.Try = Stopped, false, true, true
		}
		p.Targets = append(p.Targets, t)
	}
	if e.ttl > 0 {
		p.Timings.LeaseTTL = e.ttl
	}
	if e.mig != "none" {
		p.Command = &Command{Text: "migrate", Region: "fra", Config: []byte("{}"), Timeout: 70 * time.Second}
	}
	if e.gate != "" {
		p.Gates = []Gate{{Name: "backup", When: BeforeChange, Required: true}}
	}
	return p
}

var modelTimings = Timings{
	Poll: 5 * time.Second, Settle: 12 * time.Second, Call: 20 * time.Second, LeaseTTL: 20 * time.Minute, LeaseWait: 30 * time.Second,
	Grace: 5 * time.Second, Stable: 5 * time.Second, Good: 2, Bad: 2, Health: 30 * time.Second, Soak: 5 * time.Second, Drain: 5 * time.Second,
	Tries: 4, Total: 2 * time.Hour, Parallel: 8,
}
