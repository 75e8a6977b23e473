package deploy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// envs are the environments that are explored.
func envs() []env {
	var out []env
	add := func(e env) {
		if e.strategy == "" {
			e.strategy = StrategyRolling
		}
		if e.declared == "" {
			e.declared = Able
		}
		if e.mig == "" {
			e.mig = "none"
		}
		if e.image == "" {
			e.image = "good"
		}
		e.name = fmt.Sprintf("%s %s mig=%s unfit=%v able=%s dead=%d@%s auto=%v ttl=%s down=%s foreign=%v held=%v changed=%v gate=%s ask=%s abort=%s vanish=%d comes=%v then=%s", e.strategy, e.image,
			e.mig, e.unfit, e.declared, e.dead, e.deadAt, e.auto, e.ttl, e.down, e.foreign, e.held, e.changed, e.gate, e.ask, e.abortAt, e.vanish, e.comes, e.then)
		out = append(out, e)
	}
	for _, image := range []string{"good", "bad", "crash", "flaky2", "late1", "sleepy", "reverted", "brief"} {
		add(env{image: image})
	}
	for _, mig := range []string{"ok", "fail", "partial", "slow", "lost"} {
		add(env{mig: mig})
	}
	add(env{mig: "ok", image: "bad"})
	add(env{mig: "ok", image: "flaky2", declared: AbleUnknown})
	add(env{mig: "ok", unfit: true, declared: Unable})
	add(env{mig: "ok", image: "bad", unfit: true})
	add(env{mig: "partial", unfit: true, declared: Unable})
	add(env{mig: "ok", foreign: true})
	// Leases that have to be renewed; a process that is back before its leases have lapsed; and one that is not.
	add(env{mig: "ok", ttl: time.Minute, down: 2 * time.Second})
	add(env{image: "flaky2", ttl: time.Minute, down: 70 * time.Second})
	add(env{ttl: 30 * time.Second, vulture: true, down: 2 * time.Second})
	add(env{image: "flap", down: 2 * time.Second, want: "rolled_back"})
	// Hosts that cannot be reached any more: from the beginning, before a machine's change, under it, and after it.
	add(env{dead: 2})
	add(env{dead: 2, deadAt: 8 * time.Second, want: "rolled_back"})
	add(env{dead: 1, deadAt: 8 * time.Second, want: "rollback_incomplete"})
	add(env{dead: 1, deadAt: 22 * time.Second, want: "deployed"})
	add(env{dead: 2, deadAt: 8 * time.Second, mig: "ok", image: "bad", want: "rolled_back"})
	// Machines that the platform has stopped; somebody else's machines and changes; gates.
	add(env{auto: true})
	add(env{auto: true, image: "bad"})
	add(env{image: "flap", want: "rolled_back"})
	add(env{vanish: 2, then: 8 * time.Second, want: "rolled_back"})
	add(env{vanish: 1, then: 20 * time.Second, want: "rollback_incomplete"})
	add(env{comes: true, then: 20 * time.Second, want: "rolled_back"})
	add(env{held: true})
	add(env{changed: true})
	add(env{mig: "long", abortAt: 16 * time.Second, want: "rolled_back"})
	add(env{mig: "long", image: "bad"})
	add(env{abortAt: 10 * time.Second, want: "rolled_back"})
	add(env{gate: Pass, mig: "ok"})
	add(env{gate: Fail, mig: "ok"})
	// What is asked for where it stands still.
	add(env{mig: "ok", image: "bad", unfit: true, declared: Unable, ask: RollBackAnyway, want: "halted_schema"})
	add(env{mig: "ok", image: "good", unfit: true, declared: Unable, ask: Resume, want: "deployed"})
	add(env{mig: "ok", image: "bad", declared: AbleUnknown, ask: RollBackAnyway, want: "rolled_back"})
	add(env{mig: "ok", image: "bad", declared: AbleUnknown, ask: Abandon, want: "abandoned"})
	add(env{mig: "lost", ask: RollBackAnyway, want: "rolled_back"})
	add(env{mig: "lost", ask: Ran, want: "deployed"})
	add(env{mig: "slow", ask: Ran, want: "migration_unknown"})
	add(env{mig: "slow", ask: RollBackAnyway, want: "migration_unknown"})
	add(env{mig: "ok", image: "flaky2", declared: AbleUnknown, ask: Forward, want: "halted_schema"})
	add(env{image: "flaky2", dead: 1, deadAt: 40 * time.Second, ask: Resume, want: "rollback_incomplete"})
	add(env{ask: Resume, want: "deployed"})
	// The other strategies.
	for _, st := range []Strategy{StrategyCanary, StrategyBlueGreen, StrategyImmediate} {
		add(env{strategy: st})
		add(env{strategy: st, image: "flaky2"})
		add(env{strategy: st, image: "bad", mig: "ok", declared: AbleUnknown})
	}
	add(env{strategy: StrategyImmediate, image: "late1"})
	add(env{strategy: StrategyBlueGreen, image: "traffic", want: "halted_cutover"})
	add(env{strategy: StrategyBlueGreen, dead: 2, deadAt: 30 * time.Second, want: "deployed"})
	return out
}

// modelFaults is how many faults executions have at most: MODEL_FAULTS, or 2, and with the race detector 1.
func modelFaults(t *testing.T) int {
	s := os.Getenv("MODEL_FAULTS")
	switch {
	case s == "" && raced:
		return 1
	case s == "":
		return 2
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		t.Fatalf("MODEL_FAULTS is %q, not a number of faults", s)
	}
	return n
}

// chosen are the environments whose names match MODEL_ONLY, a regular expression.
func chosen(t *testing.T, ee []env) []env {
	re, err := regexp.Compile(os.Getenv("MODEL_ONLY"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(ee, func(e env) bool { return !re.MatchString(e.name) })
}

// TestModel explores every execution. MODEL_FAULTS is how many faults one has at most.
func TestModel(t *testing.T) {
	ee := chosen(t, envs())
	if raced {
		ee = slices.DeleteFunc(ee, func(e env) bool { return e.mig != "ok" || e.image != "good" || e.strategy != StrategyRolling })[:2]
	}
	r := exploreAll(ee, search{faults: modelFaults(t)})
	t.Logf("%d environments, at most %d faults: %s", len(ee), modelFaults(t), r)
	for _, v := range r.viol {
		t.Error(v.text)
		v.story(t, 0, false)
	}
}

// mutant is an engine that has forgotten a rule.
type mutant struct {
	name string
	off  rules
	lazy bool // intents are written down only with what follows them
	far  bool // it takes thousands of paths to notice
}

var mutants = []mutant{
	{name: "no-intent", lazy: true, far: true},
	{name: "no-verify", off: ruleVerify},
	{name: "rollback-only-healthy", off: ruleTouched},
	{name: "no-run-key", off: ruleRunKey, far: true},
	{name: "run-again", off: ruleRunOnce, far: true},
	{name: "ignore-schema", off: ruleEligible},
	{name: "no-wait-for-run", off: ruleWaitRun, far: true},
	{name: "no-lease-first", off: ruleLeaseFirst},
	{name: "no-renewal", off: ruleRenew},
	{name: "no-fence", off: ruleFence},
	{name: "no-version", off: ruleVersion},
	{name: "no-settling", off: ruleSettle, far: true},
	{name: "no-identity", off: ruleIdentity},
	{name: "no-restart", off: ruleRestart},
	{name: "back-after-cutover", off: ruleCutover},
	{name: "no-room", off: ruleRoom},
	{name: "keep-doubles", off: ruleDoubles, far: true},
	{name: "create-blindly", off: ruleLook, far: true},
	{name: "always-complete", off: ruleTruth},
	{name: "one-look-is-healthy", off: ruleStable},
	{name: "no-monitor", off: ruleMonitor, far: true},
	{name: "no-soak", off: ruleSoak},
	{name: "stale-plan", off: ruleUnchanged},
	{name: "unreachable-is-gone", off: ruleLost},
	{name: "ignore-foreign-run", off: ruleForeignRun},
}

// TestEveryRuleIsNeeded breaks each rule and sees the model notice, with at most one fault besides.
func TestEveryRuleIsNeeded(t *testing.T) {
	mm := mutants
	if raced {
		mm = slices.DeleteFunc(slices.Clone(mm), func(m mutant) bool { return m.far })
	}
	for _, m := range mm {
		t.Run(m.name, func(t *testing.T) {
			for faults := range 2 {
				r := exploreAll(envs(), search{faults: faults, off: m.off, lazy: m.lazy, stop: true})
				for _, v := range r.viol {
					t.Logf("noticed with %d faults, after %d executions: %.300s", faults, r.runs, v.text)
					return
				}
			}
			t.Error("nothing notices that this rule is broken")
		})
	}
}
