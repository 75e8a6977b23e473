package health

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/fly"
)

// list is a reading of the platform's machine list, and what else is known of how long it should be. The platform has
// been seen to answer with an empty list, and with a short one, while all machines ran.
type list struct {
	machines []fly.Machine
	count    int             // the app's own machine count; -1: unknown
	listed   map[string]bool // ids in the network's DNS; nil: unknown
}

// missing are the machines of was that the list lacks and that were not on their way out.
func (l list) missing(was []fly.Machine) []fly.Machine {
	var out []fly.Machine
	has := l.ids()
	for _, m := range was {
		switch m.State {
		case fly.StateDestroying, fly.StateDestroyed, fly.StateReplaced, fly.StateMigrated:
			continue
		}
		if m.Config != nil && m.Config.AutoDestroy {
			continue
		}
		if !has[m.ID] {
			out = append(out, m)
		}
	}
	return out
}

func (l list) ids() map[string]bool {
	out := make(map[string]bool, len(l.machines))
	for _, m := range l.machines {
		out[m.ID] = true
	}
	return out
}

// unlisted are the ids that DNS lists and the list lacks.
func (l list) unlisted() []string {
	var out []string
	has := l.ids()
	for id := range l.listed {
		if !has[id] {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// suspicious tells whether the list has to be read again before it is believed.
func (l list) suspicious(was []fly.Machine) bool {
	return len(l.machines) == 0 || len(l.missing(was)) > 0 || l.short()
}

func (l list) short() bool { return l.count > len(l.machines) }

// confirmed is what to believe: the machines to show, those of them that only was knew, and, where the list as a
// whole cannot be believed, why. A machine is gone when the platform's count agrees with the list that lacks it, or,
// where there is no count, when DNS knew it and does not any more; a machine that DNS still lists is not gone.
func (l list) confirmed(was []fly.Machine) (machines []fly.Machine, retained map[string]bool, doubt string) {
	machines = l.machines
	retained = map[string]bool{}
	for _, m := range l.missing(was) {
		started := m.State == fly.StateStarted
		switch {
		case l.listed[m.ID]:
		case l.count >= 0 && !l.short():
			continue
		case l.count < 0 && l.listed != nil && started:
			continue
		}
		retained[m.ID] = true
		machines = append(slices.Clip(machines), m)
	}
	switch {
	case len(retained) > 0:
		doubt = fmt.Sprintf("the list has %d machines and lacks %s", len(l.machines), strings.Join(names(machines[len(l.machines):], 3), ", "))
	case l.short():
		doubt = fmt.Sprintf("the list has %d machines", len(l.machines))
	case len(l.machines) == 0 && l.count < 0:
		doubt = "the list is empty and the platform's count cannot be read"
	case len(l.machines) == 0 && len(l.listed) > 0:
		doubt = "the list is empty"
	default:
		return machines, retained, ""
	}
	if l.short() {
		doubt += fmt.Sprintf(", the platform counts %d", l.count)
	}
	if n := len(l.unlisted()); n > 0 {
		doubt += fmt.Sprintf(", DNS lists %d of those left out", n)
	}
	return machines, retained, doubt
}

func names(mm []fly.Machine, n int) []string {
	var out []string
	for i, m := range mm {
		if i == n {
			return append(out, fmt.Sprintf("%d more", len(mm)-n))
		}
		out = append(out, word(m.ID))
	}
	return out
}
