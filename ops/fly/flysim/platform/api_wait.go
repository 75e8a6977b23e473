package platform

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/fly"
)

// wait answers when a machine has reached one of the asked states, or when the time is over.
func (c *call) wait() (reply, error) {
	q := c.URL.Query()
	states := splitList(q["state"])
	if len(states) == 0 {
		states = []string{fly.StateStarted}
	}
	for _, s := range states {
		switch s {
		case fly.StateStarted, fly.StateStopped, fly.StateSuspended, fly.StateDestroyed, fly.StateFailed, "settled":
		default:
			return reply{}, errBadRequest("invalid state %q: must be started, stopped, suspended, destroyed, failed or settled", s)
		}
	}
	timeout := 60
	if s := q.Get("timeout"); s != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(s, "s"))
		if err != nil || n < 0 || n > 60 {
			return reply{}, errBadRequest("timeout %q is not in 0..60 seconds", s)
		}
		timeout = n
	}
	want := waitFor{states: states, version: q.Get("version"), after: q.Get("from_event_id")}
	if want.version == "" {
		want.version = q.Get("instance_id")
	}
	w := c.w
	w.lock()
	deadline := w.now.Add(time.Duration(timeout) * time.Second)
	w.after(time.Duration(timeout)*time.Second, func() { w.dirty = true })
	for {
		reached, gone, now, closed := want.reached(c.m), c.m.gone(), w.now, w.closed
		state, version, last := c.m.state, c.m.version, c.m.lastEvent()
		changed := w.changed
		w.unlock()
		switch {
		case reached:
			return ok(map[string]any{"ok": true, "state": state, "version": version, "event_id": last})
		case gone:
			return reply{}, errNotFound("machine not found: %s", c.m.id)
		case closed || !now.Before(deadline):
			return reply{}, apiError{http.StatusRequestTimeout, "machine failed to reach desired state, " + strings.Join(states, ", ") + ", currently " + state, "unknown"}
		}
		select {
		case <-changed:
		case <-c.Context().Done():
			return reply{}, apiError{http.StatusRequestTimeout, "the caller went away", "unknown"}
		}
		w.lock()
	}
}

// waitFor is what a caller of wait wants.
type waitFor struct {
	states  []string
	version string
	after   string // id of an event; only what came later counts
}

func (f waitFor) reached(m *machine) bool {
	if f.version != "" && m.version != f.version || f.after != "" && m.lastEvent() <= f.after {
		return false
	}
	if slices.Contains(f.states, m.state) || slices.Contains(f.states, fly.StateFailed) && m.state == fly.StateLaunchFailed {
		return true
	}
	settled := []string{fly.StateStarted, fly.StateStopped, fly.StateSuspended, fly.StateCreated, fly.StateFailed, fly.StateDestroyed}
	return slices.Contains(f.states, "settled") && slices.Contains(settled, m.state)
}

func (m *machine) lastEvent() string {
	if len(m.events) == 0 {
		return ""
	}
	return m.events[len(m.events)-1].ID
}
