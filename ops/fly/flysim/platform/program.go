package platform

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ops-console/ops/fly"
)

// Run is one run of what a machine is there for, where that ends by itself.
type Run struct {
	Instance Instance
	Command  []string          // the machine's own, in place of its image's; empty: what the image says
	Env      map[string]string // of the configuration, the app's secrets, and what the platform adds
	Files    map[string][]byte // of the configuration, by path
}

// periods are the schedules a machine can have, in hours of the platform.
var periods = map[string]time.Duration{"hourly": 1, "daily": 24, "weekly": 7 * 24, "monthly": 30 * 24}

// planNext lets m come up when its schedule says so, and again after that, until it gets another one.
func (w *World) planNext(m *machine) {
	m.planned++
	hours := periods[m.cfg.Schedule]
	if hours == 0 || m.gone() {
		return
	}
	plan := m.planned
	w.after(hours*w.opts.Delays.Hour, func() {
		if m.planned != plan || m.gone() {
			return
		}
		w.comeRound(m)
		w.planNext(m)
	})
}

// comeRound is m's schedule having come round. One that still runs is left alone.
func (w *World) comeRound(m *machine) bool {
	switch m.state {
	case fly.StateStopped, fly.StateFailed:
		w.start(m, byFlyd)
		return true
	}
	return false
}

// Fire does at once what the schedule of a machine would do later, for one that is named by its id, the beginning of it, or
// its name; "" is every machine that has a schedule. It returns the ids of those that come up.
func (w *World) Fire(name string) ([]string, error) {
	w.lock()
	defer w.unlock()
	var all, up []string
	for _, a := range w.appOrder {
		for _, m := range a.machines {
			named := name == "" || m.name == name || strings.HasPrefix(m.id, name)
			if m.gone() || m.cfg.Schedule == "" || !named {
				continue
			}
			all = append(all, m.id)
			if w.comeRound(m) {
				up = append(up, m.id)
			}
		}
	}
	switch {
	case len(all) == 0 && name == "":
		return nil, fmt.Errorf("fire: no machine has a schedule")
	case len(all) == 0:
		return nil, fmt.Errorf("fire: no machine %q that has a schedule", name)
	case len(up) == 0:
		return nil, fmt.Errorf("fire: %s: it runs already, or cannot start now", strings.Join(all, ", "))
	}
	return up, nil
}

// runProgram starts what m is there for, and says whether anybody knows how. It ends with ctx when m is stopped.
func (w *World) runProgram(m *machine) bool {
	if w.opts.Program == nil {
		return false
	}
	run := w.opts.Program(Run{Instance: w.instance(m), Command: m.cfg.command(), Env: w.environment(m), Files: files(m)})
	if run == nil {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.end = cancel
	life := m.life
	w.programs.Go(func() {
		defer cancel()
		code := run(ctx)
		w.lock()
		defer w.unlock()
		if m.life != life || w.closed {
			return // it was stopped, and has its exit
		}
		w.exitNow(m, fly.ExitEvent{ExitCode: code, GuestExitCode: code})
	})
	return true
}

// environment is what a program on m finds there.
func (w *World) environment(m *machine) map[string]string {
	env := map[string]string{}
	for _, s := range m.app.secrets {
		env[s.name] = s.value
	}
	maps.Copy(env, m.cfg.Env)
	maps.Copy(env, map[string]string{
		"FLY_APP_NAME": m.app.name, "FLY_MACHINE_ID": m.id, "FLY_REGION": m.region, "FLY_PRIVATE_IP": m.addr.String(),
		"FLY_IMAGE_REF": m.cfg.Image, "FLY_MACHINE_VERSION": m.version, "FLY_PROCESS_GROUP": m.cfg.group(),
	})
	return env
}

// files is what the platform writes into m.
func files(m *machine) map[string][]byte {
	all := map[string][]byte{}
	for _, f := range m.cfg.Files {
		all[f.GuestPath] = f.RawValue
		for _, s := range m.app.secrets {
			if s.name == f.SecretName {
				all[f.GuestPath], _ = base64.StdEncoding.DecodeString(s.value) // the platform says nothing either
			}
		}
	}
	return all
}

// checkSchedule refuses one that the platform does not have.
func checkSchedule(s string) error {
	if s == "" || periods[s] != 0 {
		return nil
	}
	return fmt.Errorf("config.schedule: %q is none of %s", s, strings.Join(slices.Sorted(maps.Keys(periods)), ", "))
}
