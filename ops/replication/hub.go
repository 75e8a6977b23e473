package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

const (
	// settle is how long the other nodes' readings of a round are waited for before a snapshot is made.
	settle = 50 * time.Millisecond
	// publishEvery bounds how often snapshots are published.
	publishEvery = 200 * time.Millisecond
	// unattended is how long reading goes on when nobody looks.
	unattended = 15 * time.Second
	// locateEvery is how often the list of nodes is read, locateSoon how often where that fails or a node does.
	locateEvery   = 30 * time.Second
	locateSoon    = 5 * time.Second
	locateTimeout = 10 * time.Second
	// feedAgain is when a second session is tried again on a primary that refused one: its role may be limited to one.
	feedAgain = 15 * time.Second
)

// event is something that the hub is told: what the Tracker has to know, or one of the rest.
type event struct {
	entry
	located bool    // with Nodes
	err     error   // of locating them
	ended   *feeder // of the node Key
	full    bool    // it got no session
	attend  *bool
	refresh bool
}

// hub owns the Tracker, and starts and ends who reads. All of it is for one goroutine.
type hub struct {
	w        *Watcher
	o        Options
	rhythm   *rhythm
	tracker  *Tracker
	record   io.Writer // nil: none, or it failed
	recorded error     // why it failed

	work     context.Context // of everybody who reads; nil: nobody does
	stop     context.CancelFunc
	relocate chan struct{}
	listed   bool  // there was a list of nodes, or an error instead
	located  error // why nodes may be missing
	nodes    nodeList
	samplers map[string]*sampler // by key
	feeders  map[string]*feeder
	full     map[string]time.Time // when a node had no second session for us, by key

	looking   bool
	left      time.Time // when somebody looked last
	sleepy    bool      // a server sleeps when nobody asks
	unpaired  bool      // a replica was read since the last sample
	published time.Time
}

// run listens until ctx ends. Everybody that it started ends with ctx too.
func (h *hub) run(ctx context.Context) {
	if h.o.Once {
		h.apply(entry{At: h.rhythm.now(), Once: true})
	}
	if h.looking {
		h.begin(ctx)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-h.w.events:
			if e.attend != nil {
				h.attend(ctx, *e.attend)
			}
			if !h.take(e) {
				break
			}
			if wait := max(settle, publishEvery-time.Since(h.published)); time.Until(due) > wait {
				due = time.Now().Add(wait)
				timer.Reset(wait)
			}
		case <-timer.C:
			if h.work != nil && (h.o.Attended || h.sleepy) && !h.looking && time.Since(h.left) >= unattended {
				h.end()
				h.publish()
			}
			if h.listed && h.work != nil || h.published.IsZero() && h.work == nil {
				h.publish()
			}
			wait := max(h.rhythm.interval, publishEvery)
			due = time.Now().Add(wait)
			timer.Reset(wait)
		}
	}
}

func (h *hub) attend(ctx context.Context, looking bool) {
	if h.looking && !looking {
		h.left = time.Now()
	}
	h.looking = looking
	if looking && h.work == nil {
		h.begin(ctx)
	}
}

// begin lets reading begin.
func (h *hub) begin(ctx context.Context) {
	work, stop := context.WithCancel(ctx)
	h.work, h.stop = work, stop
	for _, n := range h.nodes {
		h.start(n)
	}
	h.w.wait.Go(func() { h.locate(work) })
}

// end ends all reading, without waiting for it.
func (h *hub) end() {
	h.stop()
	h.work = nil
	clear(h.samplers)
	clear(h.feeders)
}

// locate reads the list of nodes again and again.
func (h *hub) locate(ctx context.Context) {
	for {
		start := time.Now()
		lctx, cancel := context.WithTimeout(ctx, locateTimeout)
		located, err := h.o.Locator.Nodes(lctx)
		cancel()
		nn := nodeList(located)
		if ctx.Err() != nil {
			return
		}
		h.w.emit(ctx, event{entry: entry{At: h.rhythm.now(), Nodes: &nn}, located: true, err: err})
		wait := locateEvery
		if err != nil || len(nn) == 0 {
			wait = locateSoon
		}
		kick := h.relocate
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-kick:
			// A node that fails again and again is no reason to ask again and again.
			timer.Reset(max(0, locateSoon-time.Since(start)))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// take does what e says, and tells whether there is something new to publish.
func (h *hub) take(e event) bool {
	switch {
	case e.refresh:
		h.refresh()
		return false
	case e.ended != nil:
		if h.feeders[e.Key] == e.ended {
			delete(h.feeders, e.Key)
			if e.full {
				h.full[e.Key] = time.Now()
			}
		}
		return false
	case e.located:
		return h.list(e)
	case e.Regions != nil:
		e.At = h.rhythm.now()
		h.apply(e.entry)
		return true
	case e.Key == "" || h.samplers[e.Key] == nil: // not of the list any more
		return false
	case e.Sample != nil:
		h.apply(e.entry)
		fresh := h.unpaired
		h.unpaired = false
		return fresh
	}
	if e.Reading != nil {
		e.Failure = nil
		h.unpaired = h.unpaired || e.Reading.InRecovery
		h.sleepy = h.sleepy || e.Reading.Capabilities.Neon
	}
	h.apply(e.entry)
	h.note(e.entry)
	h.feed()
	return true
}

// apply tells the Tracker and the recording.
func (h *hub) apply(e entry) *Snapshot {
	if h.record != nil {
		if err := e.record(h.record); err != nil {
			h.record, h.recorded = nil, err
		}
	}
	return e.apply(h.tracker)
}

// note keeps what Probe and Read have to know of a node.
func (h *hub) note(e entry) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	s := h.w.nodes[e.Key]
	was := s.last
	s.last = e.Reading
	if e.Reading != nil {
		s.good++
		return
	}
	s.failed++
	if was != nil {
		h.again()
	}
}

// again asks for the list of nodes soon.
func (h *hub) again() {
	select {
	case h.relocate <- struct{}{}:
	default:
	}
}

func (h *hub) refresh() {
	h.again()
	for _, s := range h.samplers {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

// list takes a new list of nodes: those that are new are read from now on, those that are gone are not. Nodes that a list
// with an error lacks may just have been overlooked.
func (h *hub) list(e event) bool {
	h.listed, h.located = true, e.err
	old := h.nodes
	if e.err != nil && len(*e.Nodes) == 0 && len(old) > 0 {
		return true
	}
	var nn nodeList
	has := map[string]bool{}
	add := func(list nodeList) {
		for _, n := range list {
			if !has[n.Key()] {
				has[n.Key()] = true
				nn = append(nn, n)
			}
		}
	}
	add(*e.Nodes)
	if e.err != nil {
		add(old)
	}
	h.nodes = nn
	for key, s := range h.samplers {
		if !has[key] {
			s.cancel()
			delete(h.samplers, key)
			h.starve(key)
		}
	}
	h.w.mu.Lock()
	for key := range h.w.nodes {
		if !has[key] {
			delete(h.w.nodes, key)
		}
	}
	for _, n := range nn {
		s := h.w.nodes[n.Key()]
		if s == nil {
			s = &watched{}
			h.w.nodes[n.Key()] = s
		}
		s.node = n
	}
	h.w.mu.Unlock()
	h.apply(entry{At: e.At, Nodes: &nn})
	for _, n := range nn {
		h.start(n)
	}
	return true
}

// start has a node read, or tells who reads it how it is reached now.
func (h *hub) start(n postgres.Node) {
	key := n.Key()
	if s := h.samplers[key]; s != nil {
		s.node.Store(&n)
		return
	}
	if h.work == nil {
		return
	}
	ctx, cancel := context.WithCancel(h.work)
	s := &sampler{
		key: key, rhythm: h.rhythm, connect: h.w.connect, kick: make(chan struct{}, 1), cancel: cancel, emit: h.w.emit,
	}
	s.node.Store(&n)
	h.samplers[key] = s
	h.w.wait.Go(func() { s.run(ctx) })
}

// identity is of one run of one server: two addresses may lead to the same.
type identity struct {
	system string
	boot   int64
}

// feed has each primary sampled, at one of its addresses, and nobody else.
func (h *hub) feed() {
	if h.rhythm.sampling >= h.rhythm.interval {
		return
	}
	best := map[identity]postgres.Node{}
	h.w.mu.Lock()
	for _, n := range h.nodes {
		r := h.w.nodes[n.Key()].last
		if r == nil || r.InRecovery {
			continue
		}
		id := identity{r.SystemID, r.Boot.UnixMicro()}
		if b, ok := best[id]; !ok || h.rank(n) > h.rank(b) {
			best[id] = n
		}
	}
	h.w.mu.Unlock()
	want := map[string]bool{}
	for _, n := range best {
		want[n.Key()] = true
	}
	for key := range h.feeders {
		if !want[key] {
			h.starve(key)
		}
	}
	for key := range want {
		if s := h.samplers[key]; s != nil && h.feeders[key] == nil && time.Since(h.full[key]) >= feedAgain {
			h.nourish(s)
		}
	}
}

// rank says which of several addresses of a primary is sampled: the one that is meant to lead there, and the one that
// already is.
func (h *hub) rank(n postgres.Node) int {
	rank := 0
	if n.Expect == postgres.RolePrimary {
		rank += 2
	}
	if h.feeders[n.Key()] != nil {
		rank++
	}
	return rank
}

func (h *hub) nourish(s *sampler) {
	ctx, cancel := context.WithCancel(h.work)
	f := &feeder{cancel: cancel}
	h.feeders[s.key] = f
	work := h.work
	h.w.wait.Go(func() {
		defer cancel()
		fed := f.run(ctx, s)
		h.w.emit(work, event{entry: entry{Key: s.key}, ended: f, full: !fed})
	})
}

func (h *hub) starve(key string) {
	if f := h.feeders[key]; f != nil {
		f.cancel()
		delete(h.feeders, key)
	}
}

// publish makes a snapshot of what is known now, where there is something to know of.
func (h *hub) publish() {
	now := h.rhythm.now()
	if err := h.nothing(); err != nil {
		h.published = time.Now()
		h.w.publish(nil, err, now)
		return
	}
	s := h.apply(entry{At: now, Snapshot: true, Notes: h.notes()})
	h.published = time.Now()
	h.w.publish(s, nil, now)
}

// errNoNodes says that the list of nodes is empty.
var errNoNodes = errors.New("there are none; name the database's app or addresses in the profile")

// nothing is why there is nothing to read; nil where there is, or where nobody looks.
func (h *hub) nothing() error {
	if len(h.nodes) > 0 || h.work == nil {
		return nil
	}
	return fmt.Errorf("find the nodes of the database: %w", cmp.Or(h.located, errNoNodes))
}

// notes are what limits a snapshot, as far as the Tracker does not know it.
func (h *hub) notes() []string {
	var nn []string
	if h.work == nil {
		nn = append(nn, "the servers are not read while nobody looks, so that they can sleep")
	}
	if h.located != nil {
		nn = append(nn, "nodes may be missing: "+plaintext.Line(h.located.Error(), longestQuery))
	}
	if h.recorded != nil {
		nn = append(nn, "the recording ended: "+plaintext.Line(h.recorded.Error(), longestQuery))
	}
	return append(nn, h.refused()...)
}

// refused says which nodes do not answer what, one note for all of those that do not answer the same.
func (h *hub) refused() []string {
	names := map[string][]string{}
	h.w.mu.Lock()
	for _, n := range h.nodes {
		if r := h.w.nodes[n.Key()].last; r != nil && len(r.Refused) > 0 {
			what := strings.Join(r.Refused, ", ")
			names[what] = append(names[what], n.Name)
		}
	}
	h.w.mu.Unlock()
	var nn []string
	for _, what := range slices.Sorted(maps.Keys(names)) {
		nn = append(nn, fmt.Sprintf("%s: the server does not say: %s", strings.Join(names[what], ", "), what))
	}
	return nn
}
