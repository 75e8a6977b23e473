// Package flyplatform carries a deployment out on Fly.io: it implements deploy.Platform with the Machines API.
//
// It decides nothing, and remembers of a deployment only what cannot change any more. Each request is sent once; what it says
// of an error is only whether the request certainly did nothing.
package flyplatform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// Group names that the platform keeps for machines that are no instances of the app.
const (
	GroupReleaseCommand = "fly_app_release_command"
	reservedGroups      = "fly_app_"
)

// API is the part of the platform's client that a deployment needs.
type API interface {
	App(ctx context.Context, name string) (fly.App, error)
	MachinesWhere(ctx context.Context, app string, w fly.Where) ([]fly.Machine, error)
	Wait(ctx context.Context, app, id, state, version string, timeout time.Duration) error
	WebReleases(ctx context.Context, app string, limit int) ([]fly.Release, error)
	CreateRelease(ctx context.Context, n fly.NewRelease) (fly.Release, error)
	PatchRelease(ctx context.Context, id, status, failure string) error

	TakeLease(ctx context.Context, app, id, description string, ttl time.Duration) (fly.Lease, error)
	RefreshLease(ctx context.Context, m fly.Ref, ttl time.Duration) (fly.Lease, error)
	DropLease(ctx context.Context, m fly.Ref) error
	SetMetadata(ctx context.Context, m fly.Ref, version string, values map[string]*string) error
	Create(ctx context.Context, app, region, name string, l fly.Launch) (fly.Machine, error)
	Update(ctx context.Context, m fly.Ref, version string, l fly.Launch) (fly.Machine, error)
	Start(ctx context.Context, m fly.Ref) error
	Stop(ctx context.Context, m fly.Ref, signal string, grace time.Duration) error
	Restart(ctx context.Context, m fly.Ref, force bool, grace time.Duration) error
	Destroy(ctx context.Context, m fly.Ref, kill bool) error
	Cordon(ctx context.Context, m fly.Ref) error
	Uncordon(ctx context.Context, m fly.Ref) error
}

var _ API = (*fly.Client)(nil)

// Gate answers a question of the plan. text is shown, and says why where the verdict is not Pass.
type Gate func(ctx context.Context) (v deploy.Verdict, text string)

// Options of New.
type Options struct {
	API API
	// Gates by the names that the plan has. One that is missing here answers Unknown.
	Gates map[string]Gate
	// Guards says what is measured that pauses a deployment by itself, of machines that were just seen. It returns at once.
	// nil: nothing does.
	Guards func(fleet []deploy.Machine) []deploy.Guard
	// Definition is the fly.toml of the release record, as JSON.
	Definition json.RawMessage
	// Now is the clock that leases are reckoned by; nil: time.Now.
	Now func() time.Time
}

// Platform implements deploy.Platform. It is safe for concurrent use.
type Platform struct {
	o Options

	mu     sync.Mutex // guards what follows
	over   map[string][]deploy.Run
	packed *deploy.Plan // of which copy is
	copy   string       // empty: it does not fit, or cannot be made
	flaw   error        // why
}

// New is the platform that an API gives access to.
func New(o Options) *Platform {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Platform{o: o, over: map[string][]deploy.Run{}}
}

var _ deploy.Platform = (*Platform)(nil)

// Observe implements deploy.Platform. It does not ask for the release record: nobody finds it by the deployment, so that open
// looks for one that is ours before it makes another.
func (p *Platform) Observe(ctx context.Context, w deploy.Want) (deploy.Reading, error) {
	p.await(ctx, w)
	var (
		r    = deploy.Reading{Count: -1}
		all  []fly.Machine
		dead []fly.Machine // that ran this deployment's release command and are gone
		app  fly.App
	)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if all, err = p.o.API.MachinesWhere(gctx, w.App, fly.Where{Leases: true}); err != nil || w.RunKey == "" {
			return err
		}
		ours := func(m fly.Machine) bool { return configOf(&m).Metadata[deploy.TagKey] == w.RunKey }
		if slices.ContainsFunc(all, ours) || p.ended(w.RunKey) != nil {
			return nil
		}
		dead, err = p.o.API.MachinesWhere(gctx, w.App, fly.Where{Deleted: true, Metadata: map[string]string{deploy.TagKey: w.RunKey}})
		return err
	})
	g.Go(func() (err error) {
		app, err = p.o.API.App(gctx, w.App)
		return err
	})
	if err := g.Wait(); err != nil {
		return deploy.Reading{}, fmt.Errorf("look at the machines of %s: %w", w.App, err)
	}
	runs := map[string]bool{}
	run := func(m *fly.Machine) {
		if !runs[m.ID] {
			runs[m.ID] = true
			r.Runs = append(r.Runs, runOf(m))
		}
	}
	others := 0 // that the count has and a deployment leaves alone
	for _, m := range all {
		switch {
		case group(&m) == GroupReleaseCommand:
			others++
			run(&m)
		case !instance(&m):
			others++
		default:
			r.Machines = append(r.Machines, machineOf(&m))
		}
	}
	for _, m := range dead {
		run(&m)
	}
	for _, ended := range p.ended(w.RunKey) {
		if !runs[ended.Machine] {
			r.Runs = append(r.Runs, ended)
		}
	}
	p.remember(w.RunKey, len(dead) > 0, r.Runs)
	r.Count = max(-1, app.MachineCount-others)
	if p.o.Guards != nil {
		r.Guards = p.o.Guards(r.Machines)
	}
	return r, nil
}

// copyOf is the copy of a plan, which is made once.
func (p *Platform) copyOf(plan *deploy.Plan) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.packed != plan {
		p.packed = plan
		p.copy, p.flaw = plan.Pack()
	}
	return p.copy, p.flaw
}

// Machines are machines of the platform as a deployment sees them: those of the app, release command machines excepted.
func Machines(all []fly.Machine) []deploy.Machine {
	var out []deploy.Machine
	for i := range all {
		if m := &all[i]; instance(m) {
			out = append(out, machineOf(m))
		}
	}
	return out
}

// instance tells whether a machine is one of the app.
func instance(m *fly.Machine) bool {
	return !strings.HasPrefix(group(m), reservedGroups) && configOf(m).Metadata[fly.MetaRole] == ""
}

// ended is what is known of release commands of a key that are over; nil: nothing yet.
func (p *Platform) ended(key string) []deploy.Run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over[key]
}

// remember keeps what cannot change any more: a release command that has ended, and whose machine is gone. Without it every
// look would ask for the machines that are gone too, and the platform lets an app ask for its list once a second.
func (p *Platform) remember(key string, gone bool, runs []deploy.Run) {
	if !gone || key == "" {
		return
	}
	var own []deploy.Run
	ended := false
	for _, r := range runs {
		if r.Key == key {
			own, ended = append(own, r), ended || r.State == deploy.RunExited
		}
	}
	if !ended {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over[key] = own
}

// await returns when one of the versions has come up or cannot any more, at the latest after w.Patience. That it was told
// wrong does not matter: a look follows.
func (p *Platform) await(ctx context.Context, w deploy.Want) {
	if len(w.Watch) == 0 || w.Patience <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.Patience)
	defer cancel()
	var wg sync.WaitGroup
	for _, m := range w.Watch[:min(len(w.Watch), maxAwaited)] {
		wg.Go(func() {
			if p.o.API.Wait(ctx, w.App, m.Machine, fly.StateStarted, m.Version, w.Patience) == nil {
				cancel()
			}
		})
	}
	wg.Wait()
}

// maxAwaited is how many waits are open at a time.
const maxAwaited = 8

func configOf(m *fly.Machine) *fly.MachineConfig {
	return cmp.Or(m.Config, m.IncompleteConfig, &fly.MachineConfig{})
}

func group(m *fly.Machine) string {
	md := configOf(m).Metadata
	return cmp.Or(md[fly.MetaProcessGroup], md["process_group"], "app")
}

// states reduces the platform's words. What is not here is on its way.
var states = map[string]deploy.MachineState{
	fly.StateStarted:      deploy.Started,
	fly.StateCreated:      deploy.Stopped,
	fly.StateStopped:      deploy.Stopped,
	fly.StateSuspended:    deploy.Stopped,
	fly.StateFailed:       deploy.Failed,
	fly.StateLaunchFailed: deploy.Failed,
	fly.StateDestroying:   deploy.Destroyed,
	fly.StateDestroyed:    deploy.Destroyed,
	fly.StateReplaced:     deploy.Destroyed,
	fly.StateMigrated:     deploy.Destroyed,
}

func machineOf(m *fly.Machine) deploy.Machine {
	c := configOf(m)
	release, _ := strconv.Atoi(c.Metadata[fly.MetaReleaseVersion])
	out := deploy.Machine{
		ID: m.ID, Name: plaintext.Line(m.Name, 100), Region: m.Region, Group: group(m),
		Version: cmp.Or(m.InstanceID, m.Version), Image: c.Image, Digest: m.ImageRef.Digest, Release: release,
		Mark: c.Metadata[deploy.TagMark], Key: c.Metadata[deploy.TagKey],
		Head: c.Metadata[deploy.TagHead], Copy: c.Metadata[deploy.TagPlan],
		State: cmp.Or(states[m.State], deploy.Changing), Detail: plaintext.Line(m.State, 40),
		Lost: m.HostStatus != fly.HostOK && m.HostStatus != "", Cordoned: m.Cordoned,
	}
	for _, k := range m.Checks {
		if strings.HasPrefix(k.Name, "bg_deployments_") {
			continue // of the platform's own client
		}
		out.Checks = append(out.Checks, deploy.Check{
			Name: plaintext.Line(k.Name, 60), Passing: k.Status == fly.CheckPassing, Output: plaintext.Line(k.Output, 300),
		})
	}
	out.Crashes, out.Exit = exits(m.Events)
	if m.Lease != nil {
		out.Lease = &deploy.Held{
			Owner: plaintext.Line(m.Lease.Owner, 100), Description: plaintext.Line(m.Lease.Description, 200), Expires: time.Unix(m.Lease.ExpiresAt, 0).UTC(),
		}
	}
	return out
}

// byRequest are the events with which somebody has a machine begin anew.
var byRequest = map[string]bool{"launch": true, "update": true, "start": true, "restart": true}

// Crashes is how often a machine's process ended without anybody asking for it, since the machine was last begun by a
// request, as far as its newest events tell.
func Crashes(events []fly.Event) int {
	n, _ := exits(events)
	return n
}

// exits counts the exits that nobody asked for since the machine was last begun by a request. Events are newest first.
func exits(events []fly.Event) (n int, latest *deploy.Exit) {
	for _, e := range events {
		if e.Source == "user" && byRequest[e.Type] {
			break
		}
		x := e.Exit()
		if x == nil || x.RequestedStop {
			continue
		}
		n++
		if latest == nil {
			latest = exitOf(e, x)
		}
	}
	return n, latest
}

func exitOf(e fly.Event, x *fly.ExitEvent) *deploy.Exit {
	out := &deploy.Exit{At: x.ExitedAt, Code: x.ExitCode, OOM: x.OOMKilled}
	if out.At.IsZero() {
		out.At = e.Time()
	}
	if x.GuestSignal > 0 {
		out.Signal = x.GuestSignal
	}
	return out
}

// runOf is a machine of a release command. Only the exit event tells how it ended: the states before and after it say as
// little as "stopped".
func runOf(m *fly.Machine) deploy.Run {
	r := deploy.Run{Machine: m.ID, Key: configOf(m).Metadata[deploy.TagKey], State: deploy.RunLost}
	started := false
	for _, e := range m.Events {
		started = started || e.Type == "start"
		if x := e.Exit(); x != nil {
			if x.RequestedStop && x.ExitCode == 0 && !x.OOMKilled {
				started = true // somebody stopped it: that it ended with 0 does not say that it did its work
				break
			}
			r.State, r.Code, r.OOM = deploy.RunExited, x.ExitCode, x.OOMKilled
			if r.Code == 0 && (x.GuestSignal > 0 || x.OOMKilled) {
				r.Code = 128 + max(x.GuestSignal, 0) // it was killed: no success
			}
			return r
		}
	}
	switch {
	case m.HostStatus != fly.HostOK && m.HostStatus != "":
	case m.State == fly.StateStarted, m.State == fly.StateStarting, m.State == fly.StateStopping:
		r.State = deploy.RunStarted
	case !started && (m.State == fly.StateCreated || m.State == fly.StateStopped || m.State == fly.StateCreating):
		r.State = deploy.RunCreated
	}
	return r
}

// Do implements deploy.Platform.
func (p *Platform) Do(ctx context.Context, in deploy.Intent) (deploy.Answer, error) {
	do, ok := verbs[in.Verb]
	if !ok {
		return deploy.Answer{}, fmt.Errorf("%s: %w: this platform cannot do that", in.Verb, deploy.ErrRefused)
	}
	if in.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, in.Timeout)
		defer cancel()
	}
	a, err := do(ctx, p, in)
	return a, verdictOf(in.Verb, err)
}

// verdictOf says of an error whether it certainly means that nothing was done.
func verdictOf(v deploy.Verb, err error) error {
	lost := new(fly.AmbiguousError)
	switch {
	case err == nil, errors.As(err, &lost), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fly.ErrPrecondition) && v == deploy.VerbStartRun:
		return err // it is in a state from which that cannot be done now, perhaps because it was done before: a look says which
	case errors.Is(err, fly.ErrConflict), errors.Is(err, fly.ErrPrecondition):
		return fmt.Errorf("%w: %w", deploy.ErrConflict, err)
	case errors.Is(err, fly.ErrNotFound):
		return fmt.Errorf("%w: %w", deploy.ErrGone, err)
	case errors.Is(err, fly.ErrRateLimited), errors.Is(err, fly.ErrUnavailable), errors.Is(err, fly.ErrTimeout), errors.Is(err, fly.ErrNoNetwork):
		return fmt.Errorf("%w: %w", deploy.ErrBusy, err) // not ambiguous: it was never sent, or turned away
	case errors.Is(err, fly.ErrInvalid), errors.Is(err, fly.ErrUnauthorized), errors.Is(err, fly.ErrNoToken), errors.Is(err, fly.ErrTLS):
		return fmt.Errorf("%w: %w", deploy.ErrRefused, err)
	}
	return err
}
