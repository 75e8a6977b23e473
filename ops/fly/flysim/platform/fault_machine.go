package platform

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ops-console/ops/fly"
)

// BuiltinFaults is every fault of a World to which none was added.
func BuiltinFaults() []FaultKind {
	return slices.Concat(apiFaults(), machineFaults(), behaviourFaults(), metricsFaults(), logFaults())
}

// machineFaults is what can be wrong with machines, as the platform tells it.
func machineFaults() []FaultKind {
	return []FaultKind{
		{
			Name: "host-unreachable", Target: "MACHINE", hosts: true, Help: "its host is gone: the platform has lost its config, packets to it vanish",
			machine: func(_ *World, m *machine, a *activeFault) error {
				m.unreachable = true
				m.mods[a.Name] = func(b *Behaviour) { b.Silent = true }
				return nil
			},
			restore: func(w *World, m *machine) {
				m.unreachable = false
				delete(m.mods, "host-unreachable")
				w.behaves(m)
			},
		},
		crashing("crash-loop", "its process exits again and again and is restarted", false,
			FaultArg{"exit", "1", "the exit code"}, FaultArg{"up", "2s", "how long it runs each time"},
			FaultArg{"wait", "3s", "until the next start"}, FaultArg{"max", "0", "restarts until the platform gives up; 0: never"}),
		crashing("oom", "its process is killed for want of memory again and again", true,
			FaultArg{"up", "20s", "how long it runs each time"}, FaultArg{"wait", "2s", "until the next start"},
			FaultArg{"max", "0", "restarts until the platform gives up; 0: never"}),
		{
			Name: "check-failing", Target: "MACHINE", Help: "its checks fail",
			Args: []FaultArg{{"text", `500 Internal Server Error Output: "db pool timeout"`, "the output"}, {"check", "", "only this check"}},
			machine: func(w *World, m *machine, a *activeFault) error {
				if err := m.hasCheck(a.args["check"]); err != nil {
					return err
				}
				m.forced[a.Name] = forcedCheck{a.args["check"], a.args["text"]}
				w.behaves(m)
				return nil
			},
			restore: func(w *World, m *machine) { delete(m.forced, "check-failing"); w.behaves(m) },
		},
		{
			Name: "check-flapping", Target: "MACHINE", Help: "its checks fail and pass by turns",
			Args: []FaultArg{{"period", "5s", "from one change to the next"}, {"text", "connect: connection refused", "the output"}, {"check", "", "only this check"}},
			machine: func(w *World, m *machine, a *activeFault) error {
				if err := m.hasCheck(a.args["check"]); err != nil {
					return err
				}
				text := forcedCheck{a.args["check"], a.args["text"]}
				failing, first := false, true
				var flip func()
				flip = func() {
					if !first && !w.struck(a, m) {
						return
					}
					first = false
					if failing = !failing; failing {
						m.forced[a.Name] = text
					} else {
						delete(m.forced, a.Name)
					}
					w.evalChecks(m)
					w.touch(m)
					w.after(max(a.args.Duration("period"), 10*time.Millisecond), flip)
				}
				flip()
				return nil
			},
			restore: func(w *World, m *machine) { delete(m.forced, "check-flapping"); w.behaves(m) },
		},
		{
			Name: "stuck", Target: "MACHINE", Args: []FaultArg{{"state", fly.StateStarting, "the state"}},
			Help: "it does not leave a state",
			machine: func(w *World, m *machine, a *activeFault) error {
				switch s := a.args["state"]; s {
				case fly.StateCreated, fly.StateStarting, fly.StateStopping, fly.StateRestarting, fly.StateSuspending, fly.StateReplacing, fly.StateUpdating, fly.StateDestroying:
					m.stuck = s
				default:
					return fmt.Errorf("a machine cannot be stuck in state %q", s)
				}
				if m.state != m.stuck {
					w.event(m, "update", m.stuck, byFlyd, nil)
					w.enter(m, m.stuck)
				}
				return nil
			},
			restore: func(w *World, m *machine) { w.unstick(m) },
		},
		{
			Name: "stopped", Target: "MACHINE", Help: "somebody has stopped it",
			machine: func(w *World, m *machine, _ *activeFault) error { w.stopMachine(m); return nil },
			restore: func(w *World, m *machine) {
				if m.state == fly.StateStopped || m.state == fly.StateStopping {
					w.start(m, byUser)
				}
			},
		},
		{
			Name: "image-pull-revert", Target: "MACHINE", Help: "the platform takes updates of it back, because the image cannot be pulled",
			machine: func(_ *World, m *machine, _ *activeFault) error { m.revert = true; return nil },
			restore: func(_ *World, m *machine) { m.revert = false },
		},
		{
			Name: "lease-held", Target: "MACHINE", Help: "somebody else holds its lease",
			Args: []FaultArg{{"owner", "deployer@example.com", "who"}, {"ttl", "24h", "for how long"}, {"description", "deploy", "what for"}},
			machine: func(w *World, m *machine, a *activeFault) error {
				m.lease = &lease{
					nonce: "held-" + w.newHex(6), owner: a.args["owner"], description: a.args["description"],
					expires: w.now.Add(a.args.Duration("ttl")), version: m.version,
				}
				return nil
			},
			restore: func(_ *World, m *machine) {
				if m.lease != nil && len(m.lease.nonce) > 5 && m.lease.nonce[:5] == "held-" {
					m.lease = nil
				}
			},
		},
		{
			Name: "cordoned", Target: "MACHINE", Help: "the proxy sends it no traffic; names and state stay",
			machine: func(_ *World, m *machine, _ *activeFault) error { m.cordoned = true; return nil },
			restore: func(_ *World, m *machine) { m.cordoned = false },
		},
		{
			Name: "concurrent-deployer", Args: []FaultArg{{"every", "5s", "from one machine to the next"}, {"owner", "deployer@example.com", "who"}, {"app", "", "of which app; the first"}},
			Help: "somebody else rolls out a release", begin: (*World).beginDeploy, end: (*World).endDeploy,
		},
		{
			Name: "release-command-fails", Args: []FaultArg{{"exit", "1", "the exit code"}},
			Help: "machines that run a command once end with an error",
		},
	}
}

// forcedCheck is a check result that a fault makes up.
type forcedCheck struct{ check, text string }

func (m *machine) hasCheck(name string) error {
	if name == "" {
		return nil
	}
	for _, c := range m.checks {
		if c.name == name {
			return nil
		}
	}
	return fmt.Errorf("machine %s has no check %q", m.id, name)
}

// struck says whether a fault still happens to m.
func (w *World) struck(a *activeFault, m *machine) bool {
	return slices.Contains(w.faults, a) && slices.Contains(a.on, m.id)
}

// crashing is a fault of a process that does not stay up.
func crashing(name, help string, oom bool, args ...FaultArg) FaultKind {
	return FaultKind{
		Name: name, Target: "MACHINE", Args: args, Help: help,
		machine: func(w *World, m *machine, a *activeFault) error {
			m.crash = &crash{
				after: max(a.args.Duration("up"), 10*time.Millisecond), wait: max(a.args.Duration("wait"), 10*time.Millisecond),
				code: a.args.Int("exit"), max: a.args.Int("max"), oom: oom,
			}
			if m.state == fly.StateStarted {
				w.crashNow(m)
			}
			return nil
		},
		restore: func(w *World, m *machine) {
			m.crash = nil
			if m.state == fly.StateStarted {
				w.boot(m)
			}
		},
	}
}

// unstick lets m go on from the state it was kept in.
func (w *World) unstick(m *machine) {
	was := m.stuck
	m.stuck = ""
	if m.state != was {
		return
	}
	switch was {
	case fly.StateCreated, fly.StateStarting, fly.StateRestarting, fly.StateReplacing, fly.StateUpdating:
		w.start(m, byFlyd)
	case fly.StateStopping:
		w.exitNow(m, fly.ExitEvent{RequestedStop: true})
	case fly.StateSuspending:
		w.enter(m, fly.StateSuspended)
	case fly.StateDestroying:
		w.destroyedNow(m)
	}
}

// beginDeploy lets somebody else take all leases and update one machine after the other.
func (w *World) beginDeploy(a *activeFault) error {
	ap, err := w.appNamed(a.args["app"])
	if err != nil {
		return err
	}
	owner := fly.User{ID: "usr_other", Email: a.args["owner"], Name: "Another deployer"}
	r := w.addRelease(ap, ReleaseSpec{Status: "running", User: owner})
	var todo []*machine
	for _, m := range w.alive(ap) {
		if w.held(m) != nil || m.unreachable || m.cfg.job() {
			continue
		}
		m.lease = &lease{nonce: r.id, owner: owner.Email, description: "deploy", expires: w.now.Add(24 * time.Hour), version: m.version}
		w.touch(m)
		todo = append(todo, m)
	}
	version, id, image := itoa(r.version), r.id, r.image
	every := max(a.args.Duration("every"), 10*time.Millisecond)
	var step func()
	step = func() {
		if w.on(a.Name) != a {
			return
		}
		for len(todo) > 0 && (todo[0].gone() || w.held(todo[0]) == nil || todo[0].lease.nonce != id) {
			todo = todo[1:]
		}
		if len(todo) == 0 {
			r.status = "complete"
			w.dropLeases(ap, id)
			return
		}
		m := todo[0]
		todo = todo[1:]
		c := m.cfg.with("image", image).withMetadata(map[string]*string{fly.MetaReleaseVersion: &version, fly.MetaReleaseID: &id})
		c.Image = image
		w.update(m, c, m.state == fly.StateStarted)
		m.lease.version = m.version
		w.after(every, step)
	}
	a.on = nil
	a.release = r
	w.after(every, step)
	return nil
}

func (w *World) endDeploy(a *activeFault) {
	if a.release == nil {
		return
	}
	if a.release.inProgress() {
		a.release.status = "interrupted"
	}
	for _, ap := range w.appOrder {
		w.dropLeases(ap, a.release.id)
	}
}

func (w *World) dropLeases(ap *app, nonce string) {
	for _, m := range ap.machines {
		if m.lease != nil && m.lease.nonce == nonce {
			m.lease = nil
			w.touch(m)
		}
	}
}

// behaviourFaults is what can be wrong with instances, as the network sees it: Behaviour carries it there.
func behaviourFaults() []FaultKind {
	kind := func(name, help string, mod func(Args) func(*Behaviour), args ...FaultArg) FaultKind {
		return FaultKind{
			Name: name, Target: "MACHINE", Args: args, Help: help,
			machine: func(w *World, m *machine, a *activeFault) error { m.mods[name] = mod(a.args); w.behaves(m); return nil },
			restore: func(w *World, m *machine) { delete(m.mods, name); w.behaves(m) },
		}
	}
	plain := func(f func(*Behaviour)) func(Args) func(*Behaviour) {
		return func(Args) func(*Behaviour) { return f }
	}
	return []FaultKind{
		kind("refuse", "nothing listens in it: connections are refused", plain(func(b *Behaviour) { b.Dead = true })),
		kind("hang", "it accepts connections and never answers", plain(func(b *Behaviour) { b.Hang = true })),
		kind("silent", "packets to it vanish", plain(func(b *Behaviour) { b.Silent = true })),
		kind("slow", "it answers late", func(a Args) func(*Behaviour) {
			d := a.Duration("delay")
			return func(b *Behaviour) { b.Delay = d }
		}, FaultArg{"delay", "800ms", "before every answer"}),
		kind("health", "its health path answers with a status", func(a Args) func(*Behaviour) {
			n := a.Int("status")
			return func(b *Behaviour) { b.Health = n }
		}, FaultArg{"status", "500", "the status"}),
		kind("content-stale", "it serves another edition of the pages than the rest", func(a Args) func(*Behaviour) {
			s := cmp.Or(a["edition"], "stale")
			return func(b *Behaviour) { b.Content = s }
		}, FaultArg{"edition", "stale", "which"}),
		kind("split-brain", "its Erlang node is not connected to the others", func(a Args) func(*Behaviour) {
			s := cmp.Or(a["island"], "island")
			return func(b *Behaviour) { b.Island = s }
		}, FaultArg{"island", "island", "those of the same name see each other"}),
		kind("hostile", "it answers with bodies and headers made to hurt a terminal", plain(func(b *Behaviour) { b.Hostile = true })),
	}
}
