package platform

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"ops-console/ops/fly"
)

// Sources of events.
const (
	byUser = "user"
	byFlyd = "flyd"
)

// enter moves m to a state. What was planned for an earlier state does not happen any more.
func (w *World) enter(m *machine, state string) {
	m.state, m.updated = state, w.now
	m.life++
	if m.end != nil {
		m.end()
		m.end = nil
	}
	if state != fly.StateStarted {
		m.booted = false
	}
	w.evalChecks(m)
	w.touch(m)
}

// later plans f for m, unless m enters another state before, or is stuck in this one.
func (w *World) later(m *machine, d time.Duration, f func()) {
	life := m.life
	w.after(d, func() {
		if m.life == life && m.stuck != m.state {
			f()
		}
	})
}

// launch lets a machine that was just made start.
func (w *World) launch(m *machine) {
	w.later(m, w.opts.Delays.Create, func() { w.start(m, byFlyd) })
}

// prepare lets a machine that was just made and is not to start come to rest: clients wait for stopped before they
// start it.
func (w *World) prepare(m *machine) {
	w.later(m, w.opts.Delays.Create, func() { w.enter(m, fly.StateStopped) })
}

// start brings m up.
func (w *World) start(m *machine, source string) {
	w.event(m, "start", fly.StateStarting, source, nil)
	w.enter(m, fly.StateStarting)
	w.saysPull(m)
	w.later(m, w.opts.Delays.Start, func() { w.startedNow(m) })
}

// startedNow is m having come up.
func (w *World) startedNow(m *machine) {
	w.event(m, "start", fly.StateStarted, byFlyd, nil)
	m.started = w.now
	w.enter(m, fly.StateStarted)
	w.saysStart(m)
	switch {
	case m.crashes() != nil:
		w.later(m, m.crashes().after, func() { w.crashNow(m) })
	case m.cfg.job():
		if w.on("release-command-fails") == nil && w.runProgram(m) {
			return
		}
		d, code := w.opts.Delays.Job, 0
		if w.opts.Job != nil {
			d, code = w.opts.Job(w.instance(m), m.cfg.command())
		}
		if f := w.on("release-command-fails"); f != nil {
			code = f.args.Int("exit")
		}
		w.saysJob(m, code)
		w.later(m, d, func() { w.exitNow(m, fly.ExitEvent{ExitCode: code, GuestExitCode: code}) })
		return
	}
	w.boot(m)
}

// Up brings a machine up that is starting, for one that was added so because it waits for what it stands for. Machines in
// other states are left alone.
func (w *World) Up(id string) error {
	w.lock()
	defer w.unlock()
	m, ok := w.machines[id]
	if !ok || m.gone() {
		return fmt.Errorf("bring up: no machine %q", id)
	}
	if m.state != fly.StateStarting {
		return nil
	}
	w.startedNow(m)
	m.booted = true
	w.evalChecks(m)
	w.touch(m)
	return nil
}

// boot lets the app of a started machine begin to listen.
func (w *World) boot(m *machine) {
	w.later(m, w.opts.Delays.Boot, func() {
		m.booted = true
		w.saysReady(m)
		w.evalChecks(m)
		w.touch(m)
		w.sour(m)
	})
}

func (w *World) crashNow(m *machine) {
	c := m.crashes()
	if c == nil {
		return
	}
	w.saysCrash(m, c)
	e := fly.ExitEvent{ExitCode: c.code, GuestExitCode: c.code, Restarting: c.max == 0 || m.restarts < c.max}
	if c.oom {
		e.OOMKilled, e.GuestSignal, e.Signal, e.ExitCode, e.GuestExitCode = true, 9, 9, 137, 0
	}
	w.exitNow(m, e)
}

// exitNow is the end of m's process, and what the platform does about it.
func (w *World) exitNow(m *machine, e fly.ExitEvent) {
	w.exitEvent(m, e)
	if e.OOMKilled {
		w.log(m, "error", "runner", "Process appears to have been OOM killed!")
	}
	w.log(m, "info", "app", "Main child exited with code: "+strconv.Itoa(e.ExitCode))
	if e.Restarting {
		m.restarts++
		wait := time.Second
		if c := m.crashes(); c != nil {
			wait = c.wait
		}
		w.event(m, "restart", fly.StateStarting, byFlyd, &fly.EventRequest{RestartCount: m.restarts})
		w.enter(m, fly.StateStarting)
		w.later(m, wait, func() { w.startedNow(m) })
		return
	}
	w.enter(m, fly.StateStopped)
	if m.cfg.AutoDestroy {
		w.later(m, w.opts.Delays.Destroy, func() { w.destroy(m, byFlyd) })
	}
}

// exitEvent adds the end of m's process to its history.
func (w *World) exitEvent(m *machine, e fly.ExitEvent) {
	e.ExitedAt = w.now.UTC().Truncate(time.Millisecond)
	if e.GuestSignal == 0 {
		e.GuestSignal = -1
	}
	if e.Signal == 0 {
		e.Signal = -1
	}
	w.event(m, "exit", fly.StateStopped, byFlyd, &fly.EventRequest{
		ExitEvent:    &e,
		MonitorEvent: &fly.MonitorEvent{ExitEvent: &e},
		RestartCount: m.restarts,
	})
}

// runs says whether m has a process that ends when it is asked to, or is about to.
func (m *machine) runs() bool {
	return m.state == fly.StateStarted || m.state == fly.StateStopping || m.state == fly.StateRestarting
}

// stop lets m end.
func (w *World) stopMachine(m *machine) {
	if m.state == fly.StateStopped || m.state == fly.StateStopping {
		return
	}
	w.event(m, "stop", fly.StateStopping, byUser, nil)
	w.saysStop(m)
	w.enter(m, fly.StateStopping)
	w.later(m, w.opts.Delays.Stop, func() { w.exitNow(m, fly.ExitEvent{RequestedStop: true}) })
}

// restart ends m and brings it up again, the same version.
func (w *World) restart(m *machine) {
	ran := m.runs()
	w.event(m, "restart", fly.StateRestarting, byUser, nil)
	w.enter(m, fly.StateRestarting)
	w.later(m, w.opts.Delays.Stop, func() {
		if ran {
			w.exitEvent(m, fly.ExitEvent{RequestedStop: true})
		}
		w.mend(m)
		w.start(m, byFlyd)
	})
}

// suspend saves m to disk.
func (w *World) suspend(m *machine) {
	w.event(m, "suspend", fly.StateSuspending, byUser, nil)
	w.enter(m, fly.StateSuspending)
	w.later(m, w.opts.Delays.Suspend, func() {
		w.event(m, "suspend", fly.StateSuspended, byFlyd, nil)
		w.enter(m, fly.StateSuspended)
	})
}

// signal sends a signal to m's process; those that end one do.
func (w *World) signal(m *machine, sig string) {
	w.event(m, "signal", m.state, byUser, nil)
	n, ends := map[string]int{"SIGKILL": 9, "SIGINT": 2, "SIGTERM": 15, "SIGQUIT": 3, "SIGABRT": 6, "SIGHUP": 1}[sig]
	if !ends {
		return
	}
	restarting := m.cfg.Restart == nil || m.cfg.Restart.Policy != "no"
	w.later(m, w.opts.Delays.Stop, func() {
		w.exitNow(m, fly.ExitEvent{ExitCode: 128 + n, GuestSignal: n, Signal: n, Restarting: restarting})
	})
}

// destroy ends m for good.
func (w *World) destroy(m *machine, source string) {
	if m.gone() || m.state == fly.StateDestroying {
		return
	}
	m.lease = nil
	w.event(m, "destroy", fly.StateDestroying, source, nil)
	w.enter(m, fly.StateDestroying)
	w.later(m, w.opts.Delays.Destroy, func() { w.destroyedNow(m) })
}

func (w *World) destroyedNow(m *machine) {
	w.event(m, "destroy", fly.StateDestroyed, byFlyd, nil)
	m.checks = nil
	for _, v := range m.app.volumes {
		if v.machine == m.id {
			v.machine = ""
		}
	}
	w.enter(m, fly.StateDestroyed)
	w.forget(m.app)
}

// forget drops the oldest destroyed machines of a long run.
func (w *World) forget(a *app) {
	const kept = 2000
	dead := 0
	for _, m := range a.machines {
		if m.gone() {
			dead++
		}
	}
	if dead <= kept {
		return
	}
	alive := a.machines[:0:0]
	for _, m := range a.machines {
		if m.gone() && dead > kept {
			dead--
			delete(w.machines, m.id)
			continue
		}
		alive = append(alive, m)
	}
	a.machines = alive
}

// update gives m a configuration. launch says that it is to run afterwards.
func (w *World) update(m *machine, c config, launch bool) {
	before, ran := m.cfg, m.runs()
	m.version = w.newULID()
	m.setConfig(c)
	w.planNext(m)
	m.versions = append(m.versions, version{m.version, c})
	if len(m.versions) > keptEvents {
		m.versions = m.versions[len(m.versions)-keptEvents:]
	}
	m.restarts = 0
	w.event(m, "update", fly.StateReplacing, byUser, nil)
	w.enter(m, fly.StateReplacing)
	w.resetChecks(m)
	w.later(m, w.opts.Delays.Replace, func() {
		if ran {
			w.exitEvent(m, fly.ExitEvent{RequestedStop: true})
		}
		w.mend(m)
		w.replacedNow(m, before, launch)
	})
}

func (w *World) replacedNow(m *machine, before config, launch bool) {
	if m.revert || traitOf(m.image.Tag).revert {
		// The platform takes an update back whose image it cannot get, and says so only in the history.
		m.versions = m.versions[:len(m.versions)-1]
		if len(m.versions) > 0 {
			m.version = m.versions[len(m.versions)-1].id
		}
		m.setConfig(before)
		w.planNext(m)
		w.resetChecks(m)
		w.event(m, "update", "failed", byFlyd, nil)
		w.log(m, "error", "runner", "failed to get image: the manifest cannot be pulled; keeping the previous version")
	}
	if !launch {
		w.event(m, "update", fly.StateStopped, byFlyd, nil)
		w.enter(m, fly.StateStopped)
		return
	}
	w.event(m, "launch", fly.StateCreated, byFlyd, nil)
	w.start(m, byFlyd)
}

func (m *machine) setConfig(c config) {
	m.cfg = c
	m.image = parseImage(c.Image)
}

// vanish takes m out of the world as if it had never been.
func (w *World) vanish(m *machine) {
	m.life++ // what was planned for it does not happen
	if m.end != nil {
		m.end()
	}
	for _, v := range m.app.volumes {
		if v.machine == m.id {
			v.machine = ""
		}
	}
	m.app.machines = slices.DeleteFunc(m.app.machines, func(x *machine) bool { return x == m })
	delete(w.machines, m.id)
}
