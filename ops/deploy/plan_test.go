package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/deploy/journal"
)

// samplePlan is a plan of machines that are named by region and number.
func samplePlan(away int, regions ...string) *Plan {
	p := &Plan{
		ID: "D", App: "shop", Kind: KindDeploy, By: "a@b", At: epoch, Strategy: StrategyRolling, Old: Eligibility{Able: Able},
		Artifact: Artifact{Image: "registry.example.com/shop:v2", Digest: newDigest},
		From:     Artifact{Image: "registry.example.com/shop:v1", Digest: oldDigest, Release: 1},
		Groups:   []Group{{Name: "app", MaxUnavailable: away}}, Timings: DefaultTimings(),
	}
	for i, r := range regions {
		p.Targets = append(p.Targets, Target{
			Machine: fmt.Sprintf("%s%d", r, i+1), Region: r, Group: "app", Config: json.RawMessage("{}"), Checks: 1,
			Prev: Snapshot{Version: "v1", Digest: oldDigest, Config: json.RawMessage("{}"), State: Started, Healthy: true, Checks: 1, Release: 1},
		})
	}
	return p
}

func TestPlanInWords(t *testing.T) {
	p := samplePlan(2, "fra", "fra", "fra", "iad")
	p.Gates = []Gate{{Name: "backup", When: BeforeChange, Required: true}, {Name: "agreement", When: BeforeCommit}}
	p.Command = &Command{Text: "bin/migrate", Region: "fra", Config: json.RawMessage("{}"), Timeout: time.Minute}
	p.Migrations = []Migration{{Version: 232, Name: "add_index", Additive: true}, {Version: 233, Name: "drop_legacy", Why: "orders.legacy_ref is dropped"}}
	p.Old = Eligibility{Able: Unable, Reason: "233 drops orders.legacy_ref"}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"deploy    registry.example.com/shop:v2",
		"from      registry.example.com/shop:v1",
		"touches   fra 3, iad 1",
		"strategy  rolling: 3 batches, at most 2 of app at a time",
		"gate      backup, which must pass",
		"gate      agreement, which is noted",
		"runs      bin/migrate, once, in fra; it is never ended",
		"migration 232 add_index: additive",
		"migration 233 drop_legacy: orders.legacy_ref is dropped",
		"soaks     30s: the old release on the new schema, before the first machine",
		"takes     about 2m30s",
		"downtime  iad has one machine of group app: nothing serves there while it restarts",
		"back      by itself until the release command has started; after it a human is asked: 233 drops orders.legacy_ref",
		"leaves    secrets as they are; machines that others make or change",
	}
	if d := cmp.Diff(want, p.Lines(20*time.Second)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestBatches(t *testing.T) {
	five := []string{"fra", "fra", "fra", "iad", "iad"}
	for _, c := range []struct {
		strategy Strategy
		away     int
		want     [][]string
	}{
		{StrategyRolling, 1, [][]string{{"fra1"}, {"fra2"}, {"fra3"}, {"iad4"}, {"iad5"}}},
		{StrategyRolling, 2, [][]string{{"fra1"}, {"fra2", "fra3"}, {"iad4", "iad5"}}},
		{StrategyImmediate, 1, [][]string{{"fra1", "fra2", "fra3", "iad4", "iad5"}}},
	} {
		p := samplePlan(c.away, five...)
		p.Strategy = c.strategy
		if d := cmp.Diff(c.want, p.Batches()); d != "" {
			t.Errorf("%s, %d away (-want +got)\n%s", c.strategy, c.away, d)
		}
	}
}

func TestHashChangesWithThePlan(t *testing.T) {
	a, b := samplePlan(1, "fra"), samplePlan(1, "fra")
	if a.Hash() != b.Hash() || len(a.Hash()) != 64 {
		t.Errorf("%s and %s of the same plan", a.Hash(), b.Hash())
	}
	b.Targets[0].Config = json.RawMessage(`{"env":{}}`)
	if a.Hash() == b.Hash() {
		t.Error("another configuration has the same hash")
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"no machines", func(p *Plan) { p.Targets = nil }, "changes no machine"},
		{"no digest", func(p *Plan) { p.Artifact.Digest = "" }, "with its digest"},
		{"a release command in a rollback", func(p *Plan) {
			p.Kind = KindRollback
			p.Command = &Command{Text: "x", Config: json.RawMessage("{}"), Timeout: 1}
		}, "never runs a release command"},
		{"no word on the way back", func(p *Plan) { p.Old.Able = "" }, "whether the old release can run"},
		{"no timings", func(p *Plan) { p.Timings = Timings{} }, "timings have gaps"},
		{"leases that lapse", func(p *Plan) { p.Timings.LeaseTTL = 2 * p.Timings.Poll }, "leases end between"},
		{"none may change", func(p *Plan) { p.Groups[0].MaxUnavailable = 0 }, "lets no machine change"},
		{"an unknown group", func(p *Plan) { p.Targets[0].Group = "x" }, "which is not in it"},
		{"nothing to go back to", func(p *Plan) { p.Targets[0].Prev.Version = "" }, "runs now"},
		{"no configuration", func(p *Plan) { p.Targets[0].Config = nil }, "no configuration"},
		{"a gate twice", func(p *Plan) {
			p.Gates = []Gate{{Name: "a", When: BeforeChange}, {Name: "a", When: BeforeChange}}
		}, "there twice"},
		{"an unknown strategy", func(p *Plan) { p.Strategy = "yolo" }, "no strategy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := samplePlan(1, "fra", "iad")
			if err := p.Validate(); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			c.change(p)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want something with %q", err, c.want)
			}
		})
	}
}

func TestHeadAndLesseeAreReadBack(t *testing.T) {
	h := Head{Deploy: "01J", Seq: 7, Hash: "0123456789abcdef", Phase: Rolling, Session: 2, Holder: "a@b", Image: "img:1"}
	if got, ok := ParseHead(h.String()); !ok || got != h {
		t.Errorf("%q is %+v, %v", h, got, ok)
	}
	for _, session := range []string{"1152921504606846976", "1000000000", "-1"} {
		if got, ok := ParseHead(strings.Replace(h.String(), " 2 a@b", " "+session+" a@b", 1)); ok {
			t.Errorf("session %s: %+v", session, got)
		}
	}
	if got, ok := ParseHead(strings.Replace(h.String(), "01J", "../01J", 1)); ok {
		t.Errorf("an ID that is a path: %+v", got)
	}
	if got, ok := ParseHead(h.String() + "it failed\x1b[2J"); !ok || got.Why != "it failed" {
		t.Errorf("a reason that clears the screen: %+v, %v", got, ok)
	}
	l := Lessee{Deploy: "01J", Session: 3, Holder: "a@b by c"}
	if got, ok := ParseLessee(l.String()); !ok || got != l {
		t.Errorf("%q is %+v, %v", l, got, ok)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Lessee{Deploy: "01J", Session: 3, Holder: "a@b"}.String())
	f.Add(Head{Deploy: "01J", Phase: Rolling, Holder: "a@b", Image: "i"}.String())
	f.Add("deploy 01J by somebody")
	f.Fuzz(func(t *testing.T, s string) {
		if l, ok := ParseLessee(s); ok {
			if again, ok := ParseLessee(l.String()); !ok || again != l {
				t.Errorf("%q: %+v and %+v", s, l, again)
			}
		}
		if h, ok := ParseHead(s); ok {
			if again, ok := ParseHead(h.String()); !ok || again != h {
				t.Errorf("%q: %+v and %+v", s, h, again)
			}
		}
	})
}

// A journal that was written by something else is refused, never a panic.
func FuzzFold(f *testing.F) {
	_, p := one(envs()[0], nil, 0, 0, false)
	entries, _, err := journal.Decode(p.m.data)
	if err != nil {
		f.Fatal(err)
	}
	for i, e := range entries {
		f.Add(e.Kind, []byte(e.Data), i)
	}
	f.Add("intent", []byte(`{"intent":{"n":1,"verb":"update","machine":"m9"}}`), 2)
	f.Add("result", []byte(`{"n":99}`), 3)
	f.Fuzz(func(t *testing.T, kind string, data []byte, at int) {
		ee := append([]journal.Entry{}, entries...)
		at = ((at % len(ee)) + len(ee)) % len(ee)
		ee[at].Kind, ee[at].Data = kind, data
		s, err := Fold(ee[:at+1])
		if err != nil {
			return
		}
		_ = ProgressOf(s)
		_ = Next(s, newObserved(s.Plan), epoch.Add(time.Hour))
		if _, err := Tell(ee[:at+1]); err != nil {
			t.Errorf("it folds and cannot be told: %v", err)
		}
	})
}

// The screen's view of a deployment in the middle of its machines.
func TestProgressInTheMiddle(t *testing.T) {
	w := newWorld(env{declared: Able, mig: "none", image: "good", strategy: StrategyRolling}, &chooser{})
	m := &memory{}
	if _, err := m.Append(Record{At: w.now, Kind: RecBegin, Plan: w.plan(), Hash: "h"}.item()); err != nil {
		t.Fatal(err)
	}
	s, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	g := &engine{s: s, o: newObserved(s.Plan), log: m}
	if err := g.write(Record{At: w.now, Kind: RecSession, Session: 1, Holder: "me"}); err != nil {
		t.Fatal(err)
	}
	p := &path{w: w, m: m, s: s}
	var got Progress
	for range 40 {
		d, err := g.turn(w.now)
		if err != nil {
			t.Fatal(err)
		}
		if got = progress(s, g.o, d, w.now); got.Done == 1 && got.Machines[1].Step == "checks" {
			break
		}
		if len(d.Intents) > 0 {
			p.perform(t.Context(), g, d.Intents)
			continue
		}
		w.advance(g.o.At.Add(s.Plan.Timings.Poll))
		begun := w.now
		r, err := w.Observe(t.Context(), g.want())
		g.look(r, err, begun)
	}
	want := []MachineStatus{
		{ID: "m1", Region: "fra", Group: "app", To: 1, Step: "healthy", State: StepDone, Passing: 1, Checks: 1},
		{ID: "m2", Region: "fra", Group: "app", To: 1, Step: "checks", State: StepRunning, Passing: 1, Checks: 1},
		{ID: "m3", Region: "fra", Group: "app", To: 1, Step: "queued", State: StepPending, Passing: 1, Checks: 1},
	}
	for i := range got.Machines {
		if i < 2 && got.Machines[i].Took <= 0 {
			t.Errorf("%s took no time", got.Machines[i].ID)
		}
		got.Machines[i].Took = 0
	}
	if d := cmp.Diff(want, got.Machines); d != "" {
		t.Errorf("machines (-want +got)\n%s", d)
	}
	if got.Phase != Rolling || got.ETA <= 0 || got.Total != 3 {
		t.Errorf("phase %s, eta %s, of %d", got.Phase, got.ETA, got.Total)
	}
	var names []string
	for _, st := range got.Steps {
		names = append(names, st.Name+" "+string(st.State))
	}
	if d := cmp.Diff([]string{"lock machines done", "machines running", "whole fleet pending", "finish pending"}, names); d != "" {
		t.Errorf("steps (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]Choice{Pause, Abort, Abandon}, got.Choices); d != "" {
		t.Errorf("choices (-want +got)\n%s", d)
	}
}
