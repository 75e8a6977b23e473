package platform

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"ops-console/ops/fly"
)

// check is one check of a machine and its last result.
type check struct {
	name    string
	def     fly.MachineCheck
	port    int
	status  string
	output  string
	changed time.Time // of status
}

func (c *check) view() fly.CheckStatus {
	t := c.changed.UTC().Truncate(time.Millisecond)
	return fly.CheckStatus{Name: c.name, Status: c.status, Output: c.output, UpdatedAt: &t}
}

// resetChecks makes the checks that the config asks for, as yet without a result.
func (w *World) resetChecks(m *machine) {
	m.checks = nil
	if m.cfg.job() {
		return
	}
	add := func(name string, def fly.MachineCheck, port int) {
		m.checks = append(m.checks, &check{name: name, def: def, port: port, changed: w.now})
	}
	for _, s := range m.cfg.Services {
		for i, def := range s.Checks {
			port := s.InternalPort
			if def.Port != 0 {
				port = def.Port
			}
			add(fmt.Sprintf("servicecheck-%02d-%s-%d", i, def.Type, port), def, port)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Checks)) {
		def := m.cfg.Checks[name]
		add(name, def, def.Port)
	}
	w.evalChecks(m)
}

// evalChecks sets the results that follow from how m is now.
func (w *World) evalChecks(m *machine) {
	for _, c := range m.checks {
		status, output := w.probe(m, c)
		before := c.status
		c.status, c.output = status, output
		if status != before {
			c.changed = w.now
			w.saysCheck(m, c, before)
		}
	}
	m.encoded = nil
}

// probe is what a check of m finds.
func (w *World) probe(m *machine, c *check) (status, output string) {
	if m.state != fly.StateStarted {
		return fly.CheckWarning, "the machine hasn't started"
	}
	// A check that never passed yet only warns until its grace period is over.
	bad := fly.CheckCritical
	if grace := time.Duration(c.def.GracePeriod); w.now.Sub(m.started) < grace && !m.booted {
		bad = fly.CheckWarning
		w.later(m, grace-w.now.Sub(m.started), func() { w.evalChecks(m); w.touch(m) })
	}
	target := fmt.Sprintf("http://[%s]:%d%s", m.addr, c.port, c.def.Path)
	b := w.behaviour(m)
	for _, fault := range slices.Sorted(maps.Keys(m.forced)) {
		if f := m.forced[fault]; f.check == "" || f.check == c.name {
			return fly.CheckCritical, f.text
		}
	}
	switch {
	case b.Dead || !m.booted:
		return bad, fmt.Sprintf("Get \"%s\": dial tcp [%s]:%d: connect: connection refused", target, m.addr, c.port)
	case b.Hang, b.Silent, c.def.Timeout > 0 && b.Delay > time.Duration(c.def.Timeout):
		return bad, fmt.Sprintf("Get \"%s\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)", target)
	case m.reported[c.name].status != "":
		return m.reported[c.name].status, m.reported[c.name].output
	case c.def.Type == "tcp":
		return fly.CheckPassing, "Success"
	case b.Health != 0 && b.Health/100 != 2:
		return fly.CheckCritical, fmt.Sprintf("%d %s Output: \"\"", b.Health, http.StatusText(b.Health))
	}
	return fly.CheckPassing, "200 OK Output: \"ok\""
}

// report is what a check found that somebody else carries out.
type report struct{ status, output string }

// Report sets what a check of a machine finds while the machine runs and answers, for checks whose result is not
// simulated here but found out.
func (w *World) Report(id, check, status, output string) error {
	w.lock()
	defer w.unlock()
	m, ok := w.machines[id]
	if !ok || m.gone() {
		return fmt.Errorf("report check %s: no machine %q", check, id)
	}
	r := report{status, output}
	if m.reported[check] == r {
		return nil
	}
	if m.reported == nil {
		m.reported = map[string]report{}
	}
	m.reported[check] = r
	w.evalChecks(m)
	w.touch(m)
	return nil
}

// behaves lets the checks notice, in their time, that m answers otherwise than before.
func (w *World) behaves(m *machine) {
	w.touch(m)
	w.later(m, w.opts.Delays.Check, func() { w.evalChecks(m); w.touch(m) })
}
