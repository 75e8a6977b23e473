package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ops-console/ops/fly"
)

// A crash loop is this many exits that the platform answered with a restart, within this time.
const (
	loopExits  = 3
	loopWithin = 10 * time.Minute
)

// crashLoop is what the events say of repeated exits.
type crashLoop struct {
	exits []time.Time // of unasked exits, newest first
	count int         // the platform's own restart count, of the newest event that has one
	at    time.Time   // of that event
	first time.Time   // the oldest of the unbroken run of exits
	oom   bool        // the newest exit was for want of memory
}

// holds tells whether the machine is in a crash loop at now.
func (l crashLoop) holds(now time.Time) bool {
	recent := 0
	for _, at := range l.exits {
		if now.Sub(at) <= loopWithin {
			recent++
		}
	}
	return recent >= loopExits || recent > 0 && l.count >= loopExits && now.Sub(l.at) <= loopWithin
}

// history derives from the machine's events when its state began, how it last ended, and how often.
func (m *machine) history(in fly.Machine) {
	events := slices.Clone(in.Events)
	slices.SortStableFunc(events, func(a, b fly.Event) int { return cmp.Compare(b.Timestamp, a.Timestamp) })
	m.StateSince = stateSince(in, events)
	if in.State == fly.StateStarted {
		m.StartedAt = m.StateSince
	}
	fresh := true // no launch or update yet on the way back in time
	count := 0
	updated := false
	for i, e := range events {
		out := Event{At: moment(e.Time()), Type: word(e.Type), Status: word(e.Status), Source: word(e.Source)}
		if e.Request != nil && e.Request.RestartCount > 0 && fresh {
			if m.loop.at.IsZero() {
				m.loop.at, m.loop.count = out.At, e.Request.RestartCount
			}
			m.Restarts = max(m.Restarts, e.Request.RestartCount)
		}
		if x := e.Exit(); x != nil {
			out.Exit = exit(x, out.At)
			m.exited(*out.Exit, fresh, &count)
		}
		if !routine(e, events[i+1:]) {
			m.mark(out, !updated)
			updated = updated || e.Type == "update"
		}
		if len(m.Events) < maxEvents {
			m.Events = append(m.Events, out)
		}
		if e.Type == "launch" || e.Type == "update" {
			fresh = false
		}
	}
	m.Restarts = max(m.Restarts, count)
	m.byUser = stoppedByUser(events)
}

// exited takes one exit into account; they come newest first.
func (m *machine) exited(x Exit, fresh bool, count *int) {
	if m.LastExit == nil {
		m.LastExit = &x
		m.loop.oom = x.OOM
	}
	if x.OOM {
		m.OOMKills++
		m.ooms = append(m.ooms, x.At)
	}
	if !fresh || !x.Restarting || x.RequestedStop {
		return
	}
	*count++
	if n := len(m.loop.exits); n == 0 || m.loop.exits[n-1].Sub(x.At) <= loopWithin {
		m.loop.first = x.At
	}
	m.loop.exits = append(m.loop.exits, x.At)
}

func exit(x *fly.ExitEvent, at time.Time) *Exit {
	if exited := moment(x.ExitedAt); !exited.IsZero() {
		at = exited
	}
	return &Exit{
		At:            at,
		Code:          cmp.Or(x.ExitCode, x.GuestExitCode),
		Signal:        max(x.Signal, x.GuestSignal, 0),
		OOM:           x.OOMKilled,
		RequestedStop: x.RequestedStop,
		Restarting:    x.Restarting,
	}
}

// String is the exit in words, without its time.
func (x Exit) String() string {
	s := fmt.Sprintf("exit code %d", x.Code)
	switch {
	case x.OOM:
		s = "out of memory"
	case x.Signal > 0:
		s = fmt.Sprintf("signal %d", x.Signal)
	}
	if x.RequestedStop {
		s += ", as asked"
	}
	return s
}

// stateSince is the oldest of the newest events that all report the present state; where the events do not reach,
// when the machine was last changed.
func stateSince(in fly.Machine, events []fly.Event) time.Time {
	since := time.Time{}
	for _, e := range events {
		switch {
		case e.Status == in.State && e.Timestamp > 0:
			since = moment(e.Time())
			// Each start is a run of its own.
			if e.Type == "start" || e.Type == "launch" {
				return since
			}
			continue
		case since.IsZero():
			continue
		}
		return since
	}
	if since.IsZero() {
		return moment(in.UpdatedAt)
	}
	return since
}

// stoppedByUser tells whether a person asked for the latest stop or suspension: nothing started the machine since.
func stoppedByUser(events []fly.Event) bool {
	for _, e := range events {
		switch e.Type {
		case "stop", "suspend":
			return e.Source == "user" || e.Source == "proxy"
		case "start", "launch", "restart":
			return false
		}
		if x := e.Exit(); x != nil && x.RequestedStop {
			return true
		}
	}
	return false
}

// routine tells of an event that only follows from the one before it: the start after an update or a restart, the stop
// that an update begins with. earlier are the events before it, newest first.
func routine(e fly.Event, earlier []fly.Event) bool {
	x := e.Exit()
	if e.Type != "start" && (x == nil || !x.RequestedStop) {
		return false
	}
	for _, was := range earlier {
		switch {
		case e.Time().Sub(was.Time()) > stuckAfter:
			return false
		case was.Type == "update":
			return true
		case x == nil && (was.Type == "launch" || was.Type == "restart"):
			return true
		case x == nil && was.Exit() != nil:
			return was.Exit().Restarting
		case was.Type != "start" && was.Type != "stop":
			return false
		}
	}
	return false
}

// mark puts an event of the machine on the timeline, where it is worth it. newest says that the machine was not updated
// since.
func (m *machine) mark(e Event, newest bool) {
	k := Mark{At: e.At, Subject: m.subject(), Level: LevelOK}
	switch {
	case m.reserved && e.Exit != nil:
		k.Kind, k.Text = "exit", m.ProcessGroup+": "+e.Exit.String()
		if e.Exit.Code != 0 {
			k.Level = LevelCritical
		}
	case m.reserved:
		return
	case e.Exit != nil && e.Exit.OOM:
		k.Kind, k.Level, k.Text = "oom", LevelCritical, "killed for want of memory"
	case e.Exit != nil && e.Exit.RequestedStop:
		k.Kind, k.Level, k.Text = "exit", LevelStopped, "stopped as asked"
	case e.Exit != nil:
		k.Kind, k.Level, k.Text = "exit", LevelWarning, e.Exit.String()
	case e.Type == "start" && e.Status == fly.StateStarted:
		k.Kind, k.Text = "start", "started"
	case e.Type == "launch" && e.Source == "user":
		k.Kind, k.Text = "start", "created"
	case e.Type == "update":
		k.Kind, k.Text = "update", "updated"
		if m.Release > 0 && newest {
			k.Text = fmt.Sprintf("updated, now v%d", m.Release)
		}
	default:
		return
	}
	m.marks = append(m.marks, k)
}
