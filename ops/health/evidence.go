package health

import (
	"time"

	"ops-console/ops/fly"
)

// evidence is the level of an instance for which no problem is found. Well is only what something recent says is
// well: the instance itself, or where it has nothing to be asked at, the platform and its checks.
func (v *view) evidence(b *member) Level {
	asked := v.fresh(b.Probe)
	answers := asked && b.Probe.State == ProbeOK
	switch {
	case b.m == nil || v.platform.stale(v.now, v.interval.Platform) || b.Retained:
		if answers {
			return LevelOK
		}
		return LevelUnknown
	case v.legitimatelyStopped(b.m):
		return LevelStopped
	case b.State != fly.StateStarted:
		return LevelUnknown
	case answers:
		if v.booting(b.m) && !allPassing(b.Checks) {
			return LevelUnknown
		}
		return LevelOK
	case b.HostStatus == fly.HostUnknown, b.HostStatus == fly.HostUnreachable:
		return LevelUnknown
	case b.m.port == 0:
		if allPassing(b.Checks) {
			return LevelOK
		}
		return LevelUnknown
	case v.blind():
		// Nothing can be asked at the instance itself; its checks, if it has any, were.
		if len(b.Checks) > 0 && allPassing(b.Checks) {
			return LevelOK
		}
	}
	return LevelUnknown
}

// fresh tells whether a probe is recent enough to say something, and whether it does.
func (v *view) fresh(p Probe) bool {
	if p.State == ProbeNone || p.State == "" || p.State == ProbeNoNetwork {
		return false
	}
	return v.now.Sub(p.At) <= 3*v.interval.Probe+20*time.Second
}

// blind tells whether instances cannot be asked themselves at the moment.
func (v *view) blind() bool { return v.networkErr != nil || !carries(v.network.State) }

// legitimatelyStopped tells of a machine that does not run and is not meant to.
func (v *view) legitimatelyStopped(m *machine) bool {
	switch m.State {
	case fly.StateStopped, fly.StateSuspended:
		return m.Standby || m.oneOff || m.byUser || m.Autostop && !crashed(m.LastExit)
	case fly.StateCreated, fly.StateDestroying, fly.StateDestroyed, fly.StateReplaced, fly.StateMigrated:
		return true
	}
	return false
}

// crashed tells of an exit that nobody asked for and that was not a clean one.
func crashed(x *Exit) bool {
	return x != nil && !x.RequestedStop && (x.Code != 0 || x.Signal != 0 || x.OOM)
}

// booting tells whether the machine started so lately that it need not answer yet.
func (v *view) booting(m *machine) bool {
	return m.State == fly.StateStarted && !m.StartedAt.IsZero() && v.now.Sub(m.StartedAt) < m.grace
}

func allPassing(cc []Check) bool {
	for _, c := range cc {
		if c.Status != fly.CheckPassing {
			return false
		}
	}
	return true
}
