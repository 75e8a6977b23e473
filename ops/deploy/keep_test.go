package deploy

import (
	"slices"
	"testing"
	"time"
)

// keeping are environments in which processes keep the nonces of their leases for those after them.
func keeping() []env {
	ee := slices.DeleteFunc(envs(), func(e env) bool {
		return e.down > 0 || e.dead > 0 || e.declared != Able || e.image != "good" && e.image != "flaky2" || e.mig != "none" && e.mig != "ok"
	})
	for i := range ee {
		ee[i].kept, ee[i].down = true, 2*time.Second
		ee[i].name += " kept"
	}
	return ee
}

// Whoever goes on where a process was killed goes on with its leases, two seconds later, and all holds that holds otherwise.
func TestLeasesOutliveTheirProcess(t *testing.T) {
	ee := keeping()
	if raced {
		ee = ee[:2]
	}
	r := exploreAll(ee, search{faults: max(1, modelFaults(t)-1)})
	t.Logf("%d environments: %s", len(ee), r)
	for _, v := range r.viol {
		t.Error(v.text)
		v.story(t, 0, false)
	}
}

// A process that is killed in the middle is followed by one that waits for no lease of its own, where they were kept.
func TestAKilledProcessIsFollowedAtOnce(t *testing.T) {
	for _, kept := range []bool{false, true} {
		calls := 0
		c := &chooser{faults: 1, budget: 1, draw: func(n int) int {
			if n == len(machineFaults) {
				calls++
			}
			if n == len(machineFaults) && calls == 3 {
				return fCrashAfter // the first update; two marks come before it
			}
			return 0
		}}
		e := env{name: "at once", image: "good", mig: "none", strategy: StrategyRolling, declared: Able, ttl: 10 * time.Minute, down: 2 * time.Second, kept: kept}
		p := c.run(e, 0, false)
		for _, v := range p.w.viol {
			t.Error(v)
		}
		took := p.s.At.Sub(epoch)
		if p.crashes != 1 || p.s.Session != 2 || p.s.Outcome != Deployed || kept != (took < e.ttl) {
			t.Errorf("kept %v: %d crashes, session %d, %q after %s, with leases of %s", kept, p.crashes, p.s.Session, p.s.Outcome, took, e.ttl)
		}
	}
}
