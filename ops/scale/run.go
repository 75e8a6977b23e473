package scale

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// API is the part of the platform's client that scaling needs.
type API interface {
	App(ctx context.Context, name string) (fly.App, error)
	MachinesWhere(ctx context.Context, app string, w fly.Where) ([]fly.Machine, error)
	TakeLease(ctx context.Context, app, id, description string, ttl time.Duration) (fly.Lease, error)
	DropLease(ctx context.Context, m fly.Ref) error
	SetMetadata(ctx context.Context, m fly.Ref, version string, values map[string]*string) error
	Create(ctx context.Context, app, region, name string, l fly.Launch) (fly.Machine, error)
	Start(ctx context.Context, m fly.Ref) error
	Stop(ctx context.Context, m fly.Ref, signal string, grace time.Duration) error
	Cordon(ctx context.Context, m fly.Ref) error
	Destroy(ctx context.Context, m fly.Ref, kill bool) error
}

var _ API = (*fly.Client)(nil)

// Event is something that was done or seen, for people and for CI.
type Event struct {
	At      time.Time `json:"at"`
	Region  string    `json:"region,omitempty"`
	Machine string    `json:"machine,omitempty"`
	Step    string    `json:"step"` // create, start, cordon, drain, stop, destroy, missing, wait, done
	Text    string    `json:"text"`
}

// Options of Run.
type Options struct {
	API     API
	ID      string // of the run: a ULID
	By      string // user@host
	Timings Timings
	Now     func() time.Time
	Sleep   func(context.Context, time.Duration) error
	Tell    func(Event) // nil: nobody is told
}

// ErrNot says that it could not be brought about. The text says what is missing, and why.
var ErrNot = errors.New("it is not as wanted")

// run is what one run knows.
type run struct {
	o     Options
	p     Plan
	began time.Time

	made   map[string]made      // by key
	tries  map[string]int       // of making a machine, by region
	drain  map[string]time.Time // when a machine's traffic ended
	leases map[string]string    // nonces
	well   time.Time            // since when all has been as wanted; zero: it is not
	why    string               // what is in the way, as it was seen last
	last   map[string]string    // what was told of a machine or region last
}

// made is a machine that the platform said it made.
type made struct {
	id, region string
	at         time.Time
	seen       bool
}

// Run carries a plan out, looks, and goes on until all is as it was wanted and has been for a while. ErrNot where that does
// not come about in time.
func Run(ctx context.Context, o Options, p Plan) error {
	d := DefaultTimings()
	t := &o.Timings
	for _, v := range []struct{ to, from *time.Duration }{{&t.Poll, &d.Poll}, {&t.Settle, &d.Settle}, {&t.Stable, &d.Stable}, {&t.Drain, &d.Drain}, {&t.Total, &d.Total}} {
		*v.to = cmp.Or(*v.to, *v.from)
	}
	t.Tries = cmp.Or(t.Tries, d.Tries)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	r := &run{
		o: o, p: p, began: o.Now(), made: map[string]made{}, tries: map[string]int{}, drain: map[string]time.Time{}, leases: map[string]string{}, last: map[string]string{},
	}
	defer r.letGo(ctx)
	for {
		done, err := r.step(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: interrupted; %s; run it again to go on", ErrNot, cmp.Or(r.why, "nothing was seen yet"))
		case err != nil:
			return err
		case done:
			r.tell("", "", "done", "as wanted, and seen so for "+t.Stable.String())
			return nil
		case o.Now().Sub(r.began) > t.Total:
			return fmt.Errorf("%w after %s: %s", ErrNot, t.Total, cmp.Or(r.why, "the platform did not answer"))
		}
		if err := o.Sleep(ctx, t.Poll); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (r *run) tell(region, machine, step, text string) {
	key := region + " " + machine
	if r.last[key] == step+text {
		return
	}
	r.last[key] = step + text
	if r.o.Tell != nil {
		r.o.Tell(Event{At: r.o.Now().UTC(), Region: region, Machine: machine, Step: step, Text: plaintext.Line(text, 500)})
	}
}

// letGo gives the leases back, also where ctx has ended.
func (r *run) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for id, nonce := range r.leases {
		_ = r.o.API.DropLease(ctx, fly.Ref{App: r.p.App, ID: id, Nonce: nonce}) // it ends by itself
	}
}

// step looks once, and does what follows. An error ends the run.
func (r *run) step(ctx context.Context) (done bool, err error) {
	mm, err := r.o.API.MachinesWhere(ctx, r.p.App, fly.Where{})
	if err != nil {
		return false, r.passing("list the machines", err)
	}
	app, err := r.o.API.App(ctx, r.p.App)
	if err != nil {
		return false, r.passing("count the machines", err)
	}
	if app.MachineCount > len(mm) {
		r.why = fmt.Sprintf("the platform counts %d machines and lists %d", app.MachineCount, len(mm))
		r.tell("", "", "wait", r.why)
		return false, nil
	}
	group := ofGroup(mm, r.p.Group)
	var open []string
	for _, c := range r.p.Changes {
		missing, err := r.region(ctx, group, c)
		if err != nil {
			return false, err
		}
		if missing != "" {
			open = append(open, c.Region+": "+missing)
		}
	}
	r.why = strings.Join(open, "; ")
	if len(open) > 0 {
		r.well = time.Time{}
		return false, nil
	}
	if r.well.IsZero() {
		r.well = r.o.Now()
	}
	return r.o.Now().Sub(r.well) >= r.o.Timings.Stable, nil
}

// passing takes an error of which nobody knows what it means: it is asked again. One that will not go away ends the run.
func (r *run) passing(what string, err error) error {
	if errors.Is(err, fly.ErrUnauthorized) || errors.Is(err, fly.ErrNoToken) || errors.Is(err, fly.ErrTLS) || errors.Is(err, fly.ErrClosed) {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.why = what + ": " + err.Error()
	r.tell("", "", "wait", r.why)
	return nil
}

// region does what is next in one region, and says what is missing there; empty: nothing is.
func (r *run) region(ctx context.Context, group []fly.Machine, want Change) (missing string, err error) {
	c := change(group, want.Region, want.Want)
	expected := r.expected(group, want.Region)
	var why []string
	if n := c.Create - expected; n > 0 {
		why = append(why, fmt.Sprintf("%d of %d machines are there", c.Have, c.Want))
		for range n {
			if err := r.create(ctx, want.Region); err != nil {
				return "", err
			}
		}
	} else if expected > 0 {
		why = append(why, fmt.Sprintf("%d that was made is to be seen yet", expected))
	}
	for _, id := range c.Remove {
		m := byID(group, id)
		text, err := r.remove(ctx, m)
		if err != nil {
			return "", err
		}
		why = append(why, "machine "+id+" is to go: "+text)
	}
	for i := range group {
		m := &group[i]
		if m.Region != want.Region || slices.Contains(c.Remove, m.ID) {
			continue
		}
		if slices.Contains(c.Start, m.ID) {
			r.start(ctx, m)
			why = append(why, "machine "+m.ID+" is "+m.State)
		} else if !healthy(m) && !(autostops(m.Config) && resting(m)) {
			why = append(why, "machine "+m.ID+" is "+m.State+", "+ailing(m))
		}
	}
	return plaintext.Line(strings.Join(why, ", "), 400), nil
}

func byID(mm []fly.Machine, id string) *fly.Machine {
	i := slices.IndexFunc(mm, func(m fly.Machine) bool { return m.ID == id })
	return &mm[i]
}

// expected is how many machines of a region were made, or may have been, and are not in the list yet.
func (r *run) expected(group []fly.Machine, region string) int {
	n := 0
	for key, m := range r.made {
		if m.region != region || m.seen {
			continue
		}
		there := slices.ContainsFunc(group, func(x fly.Machine) bool {
			return x.ID == m.id && m.id != "" || x.Config != nil && x.Config.Metadata[KeyMade] == key
		})
		switch {
		case there:
			m.seen = true
			r.made[key] = m
			r.tell(region, key, "seen", "it is there")
		case r.o.Now().Sub(m.at) < r.o.Timings.Settle:
			n++
		default:
			delete(r.made, key)
			what := "machine " + m.id
			if m.id == "" {
				what = "a machine"
			}
			r.tell(region, m.id, "missing", fmt.Sprintf("the platform said that it made %s, and after %s it is not there: asking again", what, r.o.Timings.Settle))
		}
	}
	return n
}

// create makes a machine. One whose making is in doubt is waited for like one that was made.
func (r *run) create(ctx context.Context, region string) error {
	r.tries[region]++
	n := r.tries[region]
	if n > r.o.Timings.Tries*max(1, r.wanted(region)) {
		return fmt.Errorf("%w: %s: %d machines were asked for and did not come: the platform says yes and does nothing, see https://status.flyio.net", ErrNot, region, n-1)
	}
	key := fmt.Sprintf("%s:%s:%d", r.o.ID, region, n)
	config, err := tagged(r.p.Config, key)
	if err != nil {
		return err
	}
	m, err := r.o.API.Create(ctx, r.p.App, region, "", fly.Launch{Config: config})
	lost := new(fly.AmbiguousError)
	switch {
	case err == nil:
		r.tell(region, m.ID, "create", "machine "+m.ID+" is made")
	case errors.As(err, &lost):
		r.tell(region, "", "create", "whether a machine was made is not known: looking")
	case errors.Is(err, fly.ErrRateLimited), errors.Is(err, fly.ErrUnavailable), errors.Is(err, fly.ErrTimeout):
		r.tries[region]--
		return r.passing("make a machine in "+region, err)
	case ctx.Err() != nil:
		return nil //nolint:nilerr // Run says so
	default:
		return fmt.Errorf("make a machine in %s: %w", region, err)
	}
	r.made[key] = made{id: m.ID, region: region, at: r.o.Now()}
	return nil
}

func (r *run) wanted(region string) int {
	for _, c := range r.p.Changes {
		if c.Region == region {
			return c.Want
		}
	}
	return 0
}

func tagged(raw json.RawMessage, key string) (fly.MachineConfig, error) {
	c, md := map[string]json.RawMessage{}, map[string]string{}
	if err := json.Unmarshal(raw, &c); err != nil {
		return fly.MachineConfig{}, fmt.Errorf("the configuration for new machines: %w", err)
	}
	if m := c["metadata"]; m != nil {
		if err := json.Unmarshal(m, &md); err != nil {
			return fly.MachineConfig{}, fmt.Errorf("the configuration for new machines: %w", err)
		}
	}
	md[KeyMade] = key
	b, err := json.Marshal(md)
	if err != nil {
		return fly.MachineConfig{}, err
	}
	c["metadata"] = b
	if b, err = json.Marshal(c); err != nil {
		return fly.MachineConfig{}, err
	}
	return fly.MachineConfig{Raw: b}, nil
}

// start starts a machine that is stopped.
func (r *run) start(ctx context.Context, m *fly.Machine) {
	ref, ok := r.lease(ctx, m)
	if !ok {
		return
	}
	if err := r.o.API.Start(ctx, ref); err != nil {
		r.tell(m.Region, m.ID, "start", "machine "+m.ID+": "+err.Error())
		return
	}
	r.tell(m.Region, m.ID, "start", "machine "+m.ID+" is started")
}

// lease takes the lease of a machine, once. A machine that somebody else holds is left alone.
func (r *run) lease(ctx context.Context, m *fly.Machine) (fly.Ref, bool) {
	if nonce := r.leases[m.ID]; nonce != "" {
		return fly.Ref{App: r.p.App, ID: m.ID, Nonce: nonce}, true
	}
	const ttl = 2 * time.Minute // each step takes another one where it ran out
	l, err := r.o.API.TakeLease(ctx, r.p.App, m.ID, "ops-console scale "+r.o.ID+" by "+r.o.By, ttl)
	if err != nil {
		r.tell(m.Region, m.ID, "wait", "machine "+m.ID+": "+err.Error())
		return fly.Ref{}, false
	}
	r.leases[m.ID] = l.Nonce
	return fly.Ref{App: r.p.App, ID: m.ID, Nonce: l.Nonce}, true
}

// remove does the next step on a machine's way out, as it is seen to be: mark, cordon, drain, stop, destroy.
func (r *run) remove(ctx context.Context, m *fly.Machine) (text string, err error) {
	ref, ok := r.lease(ctx, m)
	if !ok {
		return "somebody else holds it", nil
	}
	step, do := r.next(m)
	if do == nil {
		return step, nil
	}
	err = do(ctx, ref)
	switch {
	case errors.Is(err, fly.ErrConflict):
		delete(r.leases, m.ID) // it ran out, or was taken
		return step + ": " + err.Error(), nil
	case errors.Is(err, fly.ErrNotFound):
		return "it is gone", nil
	case err != nil:
		r.tell(m.Region, m.ID, "wait", step+" machine "+m.ID+": "+err.Error())
		return step + ": " + err.Error(), nil //nolint:nilerr // it is tried again, and said what is in the way
	}
	r.tell(m.Region, m.ID, step, step+" machine "+m.ID)
	return step, nil
}

// next is what is to be done to a machine that goes; nil: it is waited for.
func (r *run) next(m *fly.Machine) (step string, do func(context.Context, fly.Ref) error) {
	switch {
	case m.Config != nil && m.Config.Metadata[KeyRemove] == "":
		return "mark", func(ctx context.Context, ref fly.Ref) error {
			return r.o.API.SetMetadata(ctx, ref, "", map[string]*string{KeyRemove: &r.o.ID})
		}
	case resting(m):
		return "destroy", func(ctx context.Context, ref fly.Ref) error { return r.o.API.Destroy(ctx, ref, false) }
	case m.State != fly.StateStarted:
		return "it is " + m.State, nil
	case !m.Cordoned:
		return "cordon", func(ctx context.Context, ref fly.Ref) error {
			err := r.o.API.Cordon(ctx, ref)
			if err == nil {
				r.drain[m.ID] = r.o.Now()
			}
			return err
		}
	case r.drain[m.ID].IsZero():
		r.drain[m.ID] = r.o.Now() // another run cordoned it; how long ago is not known
		return "drain", nil
	case r.o.Now().Sub(r.drain[m.ID]) < r.o.Timings.Drain:
		return "drain", nil
	}
	return "stop", func(ctx context.Context, ref fly.Ref) error { return r.o.API.Stop(ctx, ref, "", 0) }
}

// ailing says what is not well with a machine.
func ailing(m *fly.Machine) string {
	for _, k := range m.Checks {
		if k.Status != fly.CheckPassing {
			return "its check " + plaintext.Line(k.Name, 60) + " does not pass: " + plaintext.Line(k.Output, 200)
		}
	}
	return "its checks have no result yet"
}
