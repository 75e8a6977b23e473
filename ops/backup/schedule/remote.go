package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/fly"
)

// longestRun is after how long a run on a machine is given up and the machine destroyed.
const longestRun = 12 * time.Hour

// defaultLook is how often the platform is asked for a machine that runs, of the five times a second that it allows.
const defaultLook = 2 * time.Second

// Remote is one run on a machine of its own.
type Remote struct {
	Machines *Machines
	Catalog  *catalog.Catalog // of the store that the run writes to: what came of it is there
	// Dial reaches the private network, for the progress. nil: it is not shown.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Progress is given each state that the run publishes. It is called by one goroutine, and by none after Run returned.
	Progress func(json.RawMessage)
	// Started is told of the machine once there is one; may be nil.
	Started func(Machine)
	// Look is how often the platform is asked whether it still runs; 0: every two seconds.
	Look time.Duration
}

func (r *Remote) look() time.Duration {
	if r.Look <= 0 {
		return defaultLook
	}
	return r.Look
}

// Run makes a machine, has it take one backup of that ID, and waits for its end. Where ctx ends the machine is asked to give up,
// and is gone when Run returns. What it returns is what the store has: a backup that was finished while the connection was
// lost is one.
func (r *Remote) Run(ctx context.Context, j Job, id backup.ID) (backup.Record, error) {
	fail := func(err error) (backup.Record, error) {
		return backup.Record{}, fmt.Errorf("run backup %s on a machine: %w", id, err)
	}
	if err := j.check(); err != nil {
		return fail(err)
	}
	if err := r.Machines.checkSecrets(ctx, j); err != nil {
		return fail(err)
	}
	o, err := r.Machines.create(ctx, j, "", id)
	if err != nil {
		return fail(err)
	}
	return r.Follow(ctx, describe(o), j.Source)
}

// Follow is Run for a machine that runs already, as another console left it. One that has a schedule is not stopped when ctx
// ends, and has no ID: then the outcome is the newest backup, or failure, since the machine started.
func (r *Remote) Follow(ctx context.Context, m Machine, s backup.Source) (backup.Record, error) {
	if r.Started != nil {
		r.Started(m)
	}
	bounded, cancel := context.WithTimeout(ctx, longestRun)
	defer cancel()
	end, err := r.watch(bounded, m)
	switch {
	case m.Run == "":
	case err != nil:
		end = r.giveUp(ctx, m, end)
	default:
		// The platform does it by itself, as a rule. A failure here leaves a machine that List shows.
		_ = r.Machines.Remove(context.WithoutCancel(ctx), m.ID, true)
	}
	// The outcome is asked for also after ctx has ended: there may be one.
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	rec, outcome := r.outcome(settle, m, s, end)
	switch {
	case outcome == nil:
		return rec, nil
	case err != nil && errors.Is(outcome, ErrNoOutcome):
		return backup.Record{}, fmt.Errorf("backup on machine %s: %w", m.ID, err)
	}
	return backup.Record{}, fmt.Errorf("backup on machine %s: %w", m.ID, outcome)
}

// watch shows the progress until the machine's process ended, and returns how. An error: it is not known.
func (r *Remote) watch(ctx context.Context, m Machine) (*fly.ExitEvent, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var g errgroup.Group
	if r.Dial != nil && m.Machine.Config != nil && m.Machine.PrivateIP != "" {
		g.Go(func() error {
			r.show(ctx, m, ended)
			return nil
		})
	}
	exit, err := r.wait(ctx, m, ended)
	cancel()
	_ = g.Wait() // it has no error of its own
	return exit, err
}

// show gives each state to Progress, connecting again as often as it takes. ended is closed with the last.
func (r *Remote) show(ctx context.Context, m Machine, ended chan<- struct{}) {
	addr := net.JoinHostPort(m.Machine.PrivateIP, strconv.Itoa(ProgressPort))
	word := m.Machine.Config.Env[EnvProgressWord]
	for {
		err := follow(ctx, r.Dial, addr, word, func(state json.RawMessage) {
			if ctx.Err() == nil && r.Progress != nil {
				r.Progress(state)
			}
		})
		if errors.Is(err, errEnded) {
			close(ended)
			return
		}
		if !pause(ctx, r.look()/4) {
			return
		}
	}
}

// wait returns when the machine's process has ended. That the platform does not answer for a while, or does not reach the
// machine's host, says nothing about the run.
func (r *Remote) wait(ctx context.Context, m Machine, ended <-chan struct{}) (*fly.ExitEvent, error) {
	every := r.look()
	for {
		o, err := r.Machines.Client.Machine(ctx, r.Machines.App, m.ID)
		switch {
		case errors.Is(err, fly.ErrNotFound):
			return nil, nil //nolint:nilnil // destroyed and forgotten: how it ended, only the store knows
		case errors.Is(err, fly.ErrUnauthorized):
			return nil, err
		case err == nil && o.HostStatus == fly.HostOK:
			if d := describe(o); !d.Runs() {
				return d.Exit, nil
			}
		}
		t := time.NewTimer(every)
		select {
		case <-t.C:
		case <-ended:
			ended, every = nil, r.look()/4
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
		t.Stop()
	}
}

// giveUp has a machine of ours end, and makes sure that it is gone. It works after ctx has ended.
func (r *Remote) giveUp(ctx context.Context, m Machine, exit *fly.ExitEvent) *fly.ExitEvent {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 90*time.Second)
	defer cancel()
	ref := fly.Ref{App: r.Machines.App, ID: m.ID}
	// Asked first: it removes what it uploaded, and leaves its note.
	if err := r.Machines.Client.Stop(ctx, ref, "SIGINT", time.Minute); err == nil {
		if got, err := r.wait(ctx, m, nil); err == nil {
			exit = got
		}
	}
	// A failure here leaves a machine that List shows.
	_ = r.Machines.Remove(context.WithoutCancel(ctx), m.ID, true)
	return exit
}

// outcome is what the store has of the run.
func (r *Remote) outcome(ctx context.Context, m Machine, s backup.Source, exit *fly.ExitEvent) (backup.Record, error) {
	l, err := r.Catalog.List(ctx, s)
	if err != nil {
		return backup.Record{}, fmt.Errorf("what came of it is not known: %w", err)
	}
	is := func(id backup.ID) bool {
		if m.Run != "" {
			return id == m.Run
		}
		// The machine's clock is the platform's, and so is that of its events.
		return !m.Started.IsZero() && !id.Time().Before(m.Started.Add(-time.Minute))
	}
	for _, rec := range l.Records {
		if is(rec.Manifest.ID) {
			return rec, nil
		}
	}
	for _, f := range l.Failures {
		if is(f.ID) {
			return backup.Record{}, fmt.Errorf("it failed: %s", f.Why)
		}
	}
	return backup.Record{}, fmt.Errorf("%w%s", ErrNoOutcome, describeExit(exit))
}

func describeExit(e *fly.ExitEvent) string {
	switch {
	case e == nil:
		return "; how its machine ended is not known: see the app's log"
	case e.OOMKilled:
		return "; its machine ran out of memory: give it more (backup.memory_mb)"
	case e.ExitCode == 127 || e.ExitCode == 126:
		return "; its image does not have the program: see backup.image"
	}
	return strings.TrimRight(fmt.Sprintf("; its machine exited with %d: see the app's log", e.ExitCode), " ")
}
