package deploy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLargerFleets holds the invariants of the model for fleets of any shape, with faults wherever they fall and calls
// answered in any order. What is searched here is not searched exhaustively; three machines are, in TestModel.
func TestLargerFleets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := env{
			strategy: rapid.SampledFrom([]Strategy{StrategyRolling, StrategyRolling, StrategyCanary, StrategyBlueGreen, StrategyImmediate}).Draw(t, "strategy"),
			image:    rapid.SampledFrom([]string{"good", "good", "bad", "crash", "flaky2", "sleepy", "reverted"}).Draw(t, "image"),
			mig:      rapid.SampledFrom([]string{"none", "ok", "ok", "fail", "lost"}).Draw(t, "migration"),
			declared: rapid.SampledFrom([]Ability{Able, Able, AbleUnknown, Unable}).Draw(t, "able"),
			away:     rapid.IntRange(1, 4).Draw(t, "away"),
		}
		if e.strategy == StrategyBlueGreen && (e.image == "reverted" || e.image == "sleepy") {
			e.image = "good"
		}
		if e.mig == "none" {
			e.declared = Able
		}
		for _, g := range []string{"app", "worker"} {
			for _, region := range []string{"fra", "iad", "syd"} {
				if n := rapid.IntRange(0, 3).Draw(t, g+" in "+region); n > 0 {
					e.fleet = append(e.fleet, fleet{g, region, n})
				}
			}
		}
		if e.fleet == nil {
			e.fleet = three
		}
		if rapid.IntRange(0, 4).Draw(t, "short leases") == 0 {
			e.ttl, e.down = time.Minute, time.Duration(rapid.IntRange(1, 100).Draw(t, "down"))*time.Second
		}
		c := &chooser{faults: 1, budget: rapid.IntRange(0, 3).Draw(t, "faults")}
		rare := rapid.IntRange(2, 60).Draw(t, "one in")
		c.draw = func(n int) int {
			// Mostly nothing goes wrong, or what is drawn first would spend all faults.
			if n < 2 || rapid.IntRange(0, rare).Draw(t, "quiet") != 0 {
				return 0
			}
			return rapid.IntRange(0, n-1).Draw(t, "choice")
		}
		c.spent = 1 // how it ends is checked for three machines
		p := c.run(e, 0, false)
		if len(p.w.viol) > 0 {
			t.Fatalf("%s\n%+v\n%s", strings.Join(p.w.viol, "\n"), e, strings.Join(c.trace, "\n"))
		}
	})
}
