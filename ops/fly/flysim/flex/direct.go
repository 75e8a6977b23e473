package flex

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ops-console/ops/postgres/pgcluster"
)

// state is what a node is to be like, or is.
type state struct {
	stopped  bool // its machine does not run
	frozen   bool // SIGSTOP
	cut      bool // its link to its upstream is refused
	hole     bool // that link swallows everything
	paused   bool // replay is
	blocked  bool // a long query stands in the way of replay
	lost     bool // its upstream has thrown away what it needs
	promoted bool
	delay    time.Duration // of replay
	latency  time.Duration // of its link, on top of the way

	announced bool // repmgr knows that it is promoted; of what is, only
	spoilt    bool // it has to be made again, whatever is wanted; of what is, only
}

// works says whether the server of what is can be asked for anything.
func (s *state) works() bool { return !s.frozen && !s.stopped && !s.spoilt }

// target is what the whole cluster is to be like.
type target struct {
	nodes    map[string]*state
	readOnly bool
}

// wish is something that is to be different from how a calm cluster is.
type wish struct {
	apply func(*target)
}

// wanted is the target of now. mu must be held.
func (d *Database) wanted() *target {
	t := &target{nodes: map[string]*state{}}
	silent := map[string]bool{}
	for _, n := range d.nodes {
		i, known := d.o.Platform.Instance(n.ID)
		t.nodes[n.ID] = &state{stopped: !known || !i.Started || i.Behaviour.Dead}
		silent[n.ID] = i.Behaviour.Silent
	}
	for _, w := range d.wishes {
		w.apply(t)
	}
	for _, n := range d.nodes {
		if n.upstream != nil && (silent[n.ID] || silent[n.upstream.ID]) {
			t.nodes[n.ID].hole = true
		}
	}
	return t
}

// Look says that machines may have changed. It returns at once.
func (d *Database) Look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.again()
}

// again asks for another look at what is wanted, and gives its number. mu must be held.
func (d *Database) again() int {
	d.plan++
	d.tell()
	return d.plan
}

// tell wakes the director and those who wait for it. mu must be held.
func (d *Database) tell() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// patience bounds how long somebody waits for the cluster to be as he wished, which takes a second or two where the machine
// has time.
const patience = 30 * time.Second

// errClosing says that the database ended before a wish came true.
var errClosing = errors.New("the simulated database is ending")

// wish makes something different, and gives what makes it as before. Where the database is there already, it waits until
// it is so, and a wish that fails is taken back; before, the wish waits for the database.
func (d *Database) wish(apply func(*target)) (undo func(), err error) {
	w := &wish{apply}
	d.mu.Lock()
	d.wishes = append(d.wishes, w)
	plan := d.again()
	d.mu.Unlock()
	drop := func() int {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.wishes = slices.DeleteFunc(d.wishes, func(x *wish) bool { return x == w })
		return d.again()
	}
	undo = func() {
		if err := d.await(d.ctx, drop()); err != nil && !errors.Is(err, errClosing) {
			d.o.Logger.Warn("the simulated database is not as before", "err", err)
		}
	}
	if err := d.await(d.ctx, plan); err != nil {
		drop()
		return nil, err
	}
	return undo, nil
}

// await waits until the cluster has been brought to a plan. It does not wait for a database that is not there yet.
func (d *Database) await(ctx context.Context, plan int) error {
	select {
	case <-d.ready:
		if d.failed != nil {
			return d.failed
		}
	default:
		return nil
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		d.mu.Lock()
		done, outcome, changed := d.done, d.outcome, d.changed
		d.mu.Unlock()
		if done >= plan {
			return outcome
		}
		select {
		case <-changed:
		case <-d.ctx.Done():
			return errClosing
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("the simulated database did not get there within %s", patience)
		}
	}
}

// direct keeps the cluster as it is wanted.
func (d *Database) direct(ctx context.Context) {
	defer func() {
		for _, n := range d.nodes {
			n.unblock()
		}
	}()
	for ctx.Err() == nil {
		d.mu.Lock()
		want, plan, done, changed, failed := d.wanted(), d.plan, d.done, d.changed, d.outcome != nil
		d.mu.Unlock()
		if plan != done || failed {
			err := d.bring(ctx, want)
			if err != nil && ctx.Err() == nil {
				d.o.Logger.Warn("the simulated database is not as it should be", "err", err)
			}
			d.mu.Lock()
			d.done, d.outcome = plan, err
			failed = err != nil
			d.tell()
			changed = d.changed
			if d.plan != plan {
				changed = nil
			}
			d.mu.Unlock()
			if changed == nil {
				continue
			}
		}
		var again <-chan time.Time
		if failed {
			again = time.After(d.o.retry)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-again:
		}
	}
}

// bring makes the cluster as it is wanted, as far as it can be: what needs a server that is frozen or stopped waits until
// it is not. What ends comes before what begins.
func (d *Database) bring(ctx context.Context, want *target) error {
	ctx, cancel := context.WithTimeout(ctx, d.o.limit())
	defer cancel()
	var errs []error
	for _, phase := range []func(context.Context, *node, *state) error{d.ease, d.strain} {
		for _, n := range d.nodes {
			if err := phase(ctx, n, want.nodes[n.ID]); err != nil {
				errs = append(errs, fmt.Errorf("%s in %s: %w", n.ID, n.Region, err))
			}
		}
	}
	if err := d.setReadOnly(ctx, want.readOnly); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ease ends what is not wanted any more of a node.
func (d *Database) ease(ctx context.Context, n *node, want *state) error {
	is := &n.is
	if is.frozen && !want.frozen {
		if err := n.pg.Thaw(); err != nil {
			return err
		}
		is.frozen = false
	}
	if is.stopped && !want.stopped {
		if !is.spoilt { // whose files may be gone
			if err := n.pg.Start(ctx); err != nil {
				return err
			}
		}
		// A pause does not outlast the server.
		is.stopped, is.paused = false, false
	}
	if is.frozen || is.stopped {
		return nil
	}
	if is.promoted && !want.promoted || is.lost && !want.lost {
		d.spoil(n)
	}
	if is.spoilt {
		if !n.upstream.is.works() {
			return nil
		}
		return n.rebuild(ctx)
	}
	if is.blocked && !want.blocked {
		n.unblock()
		if err := n.patient(ctx, false); err != nil {
			return err
		}
		is.blocked = false
	}
	if is.paused && !want.paused && !is.promoted {
		if err := n.pg.Resume(ctx); err != nil {
			return err
		}
		is.paused = false
	}
	return nil
}

// spoil says that a node is to be made again, and what streams from it, which holds what the new one does not. It is
// written down before anything is done, as what is done may fail half-way and is then gone on with.
func (d *Database) spoil(n *node) {
	n.is.spoilt = true
	for _, below := range d.nodes {
		if below.upstream == n {
			d.spoil(below)
		}
	}
}

// rebuild makes a spoilt node again from its upstream.
func (n *node) rebuild(ctx context.Context) error {
	n.unblock()
	n.pg.Heal()
	if err := n.pg.Restore(ctx); err != nil {
		return err
	}
	n.is, n.readOnly = state{delay: unknown, latency: n.is.latency}, false
	n.rank.Store(0)
	return nil
}

// unknown is a delay that has to be set whatever it is.
const unknown = time.Duration(-1)

// strain makes a node suffer what is wanted.
func (d *Database) strain(ctx context.Context, n *node, want *state) error {
	is := &n.is
	if is.works() {
		for _, step := range []struct {
			due bool
			do  func() error
		}{
			{is.delay != want.delay && !is.promoted, func() error {
				if err := n.pg.ApplyDelay(ctx, want.delay); err != nil {
					is.delay = unknown
					return err
				}
				is.delay = want.delay
				return nil
			}},
			{want.lost && !is.lost, func() error {
				if err := n.pg.LoseSlot(ctx); err != nil {
					d.spoil(n)
					return err
				}
				is.lost = true
				return nil
			}},
			{want.promoted && !is.promoted, func() error { return d.promote(ctx, n) }},
			{want.promoted && !is.announced, func() error { return n.announce(ctx) }},
			{want.paused && !is.paused && !is.promoted, func() error {
				err := n.pg.Pause(ctx)
				is.paused = err == nil
				return err
			}},
			{want.blocked && !is.blocked && !is.promoted, func() error {
				err := d.block(ctx, n)
				is.blocked = err == nil
				return err
			}},
		} {
			if !step.due {
				continue
			}
			if err := step.do(); err != nil {
				return err
			}
		}
	}
	if n.upstream != nil {
		if is.latency != want.latency {
			n.pg.Delay(d.o.Way(n.upstream.Region, n.Region) + want.latency)
			is.latency = want.latency
		}
		if is.hole != want.hole || is.cut != want.cut {
			n.link(want)
			is.hole, is.cut = want.hole, want.cut
		}
	}
	if want.frozen && is.works() {
		if err := n.pg.Freeze(pgcluster.WholeServer); err != nil {
			return err
		}
		is.frozen = true
	}
	if want.stopped && !is.stopped {
		n.unblock()
		if err := n.pg.Stop(ctx); err != nil {
			return err
		}
		is.stopped, is.frozen, is.blocked = true, false, false
	}
	return nil
}

func (n *node) link(want *state) {
	n.pg.Heal()
	switch {
	case want.hole:
		n.pg.Hole()
	case want.cut:
		n.pg.Cut()
	}
}
