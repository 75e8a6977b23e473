package deploy

import (
	"slices"
	"strings"
	"testing"
)

// lose has somebody else go on who has no journal, with nothing but what is seen. False: the platform shows no deployment, or
// one that cannot be taken over.
func (p *path) lose() bool {
	w := p.w
	h, ok := ParseHead(w.ms[0].head)
	if !ok || w.ms[0].gone || w.isDead(w.ms[0]) || p.s.Outcome != "" {
		return false
	}
	r := Reading{Count: -1}
	for _, m := range w.ms {
		if !m.gone {
			r.Machines = append(r.Machines, w.machine(m))
		}
	}
	if p.s.Plan.held(r, "", w.now) != nil {
		return false
	}
	p.m = &memory{lazy: p.m.lazy, known: p.m.known}
	for _, x := range Adopt(p.s.Plan, h, r, "other", w.now) {
		if _, err := p.m.Append(x.item()); err != nil {
			panic(err)
		}
	}
	p.s, p.lost = nil, p.lost+1
	return true
}

// losing are environments in which whoever goes on after a crash has no journal.
func losing() []env {
	var out []env
	ee := envs()
	for _, e := range ee {
		if e.mig == "ok" && e.strategy == StrategyRolling && e.image == "good" {
			e.forgets = true
			e.name += " forgets"
			ee = append(ee, e)
		}
	}
	for _, e := range ee {
		e.lost = true
		e.name += " lost"
		out = append(out, e)
	}
	return out
}

func TestTakenOverWithoutTheJournal(t *testing.T) {
	ee := chosen(t, losing())
	if raced {
		ee = ee[:3]
	}
	faults := max(1, modelFaults(t)-1) // and the journal is lost
	r := exploreAll(ee, search{faults: faults})
	t.Logf("%d environments, at most %d faults besides: %s", len(ee), faults, r)
	for _, v := range r.viol {
		t.Error(v.text)
		v.story(t, 0, false)
	}
	if r.lost < r.crashes/2 {
		t.Errorf("after %d crashes somebody went on without the journal only %d times", r.crashes, r.lost)
	}
}

func TestHeadIsReadAsItWasWritten(t *testing.T) {
	full := Head{
		Deploy: "01J", Seq: 7, Hash: "0123456789abcdef", Phase: Rolling, Session: 2, Holder: "ana@laptop", Image: "app:42", Plan: strings.Repeat("a", 64),
		Facts: Facts{
			Run: "m9", Record: &ReleaseRecord{ID: "rel", Version: 42}, Halt: HaltSchema, RunCode: 3, RunBad: true, RunsOn: true, RunLeft: true, Migrated: true,
			Soaked: true, Canaries: true, CutOver: true, Commit: true, Back: true, Force: true, Why: "machine m1 is not well: it is stopped",
		},
	}
	for _, h := range []Head{full, {Deploy: "D", Phase: Announcing, Session: 1, Holder: "a@b", Image: "x"}} {
		got, ok := ParseHead(h.String())
		if !ok || got.String() != h.String() {
			t.Errorf("%q is read as %q, %v", h, got, ok)
		}
	}
	if h, ok := ParseHead("1 D 7 abc rolling 1 a@b img"); !ok || h.Phase != Rolling || h.Plan != "" {
		t.Errorf("a head of before: %+v, %v", h, ok)
	}
	for _, s := range []string{"", "1 D", "2 D 7 abc rolling 1 a@b img", strings.Replace(full.String(), " -mx", " -mxZ", 1), strings.Replace(full.String(), "rel/42", "rel", 1)} {
		if h, ok := ParseHead(s); ok {
			t.Errorf("%q is taken for %+v", s, h)
		}
	}
}

func FuzzParseHead(f *testing.F) {
	f.Add("1 D 7 abc rolling 1 a@b img")
	f.Add("2 D 7 abc rolling 1 a@b img hash -mb m1 rel/3 0 - why it goes back")
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := ParseHead(s)
		if !ok {
			return
		}
		if again, ok := ParseHead(h.String()); !ok || again.String() != h.String() {
			t.Errorf("%q becomes %q, and then %q", s, h, again)
		}
	})
}

func TestPlanIsUnpackedAsItWasPacked(t *testing.T) {
	w := newWorld(env{strategy: StrategyRolling, declared: Able, mig: "ok", image: "good", fleet: []fleet{{"app", "fra", 50}}}, &chooser{})
	p := w.plan()
	for i := range p.Targets {
		p.Targets[i].Config = []byte(`{"image":"img:new","env":{"PHX_HOST":"<example.com>"},"metadata":{"n":"` + p.Targets[i].Machine + `"}}`)
	}
	s, err := p.Pack()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unpack(s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != p.Hash() {
		t.Error("it is another plan")
	}
	t.Logf("%d bytes", len(s))
	for _, bad := range []string{"", "1:", "2:" + s[2:], s[:len(s)/2], "1:!!!!"} {
		if _, err := Unpack(bad); err == nil {
			t.Errorf("%.20q is taken for a plan", bad)
		}
	}
	big := w.plan()
	noise := make([]byte, 60<<10)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[x>>26%62]
	}
	big.Targets[0].Config = []byte(`{"env":{"NOISE":"` + string(noise) + `"}}`)
	if _, err := big.Pack(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a plan that does not fit: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	p := newWorld(env{strategy: StrategyRolling, declared: Able, mig: "none", image: "good"}, &chooser{}).plan()
	s, err := p.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := Unpack(s); err == nil && p.Validate() != nil {
			t.Error("a plan that cannot be run")
		}
	})
}

// TestTheMarkBeforeTheReleaseCommandIsNeeded breaks the rule that matters most to who has no journal, and sees that noticed.
func TestTheMarkBeforeTheReleaseCommandIsNeeded(t *testing.T) {
	ee := losing()
	ee = slices.DeleteFunc(ee, func(e env) bool { return !e.forgets })
	r := exploreAll(ee, search{faults: 1, off: ruleMarkRun, stop: true})
	for _, v := range r.viol {
		t.Logf("noticed after %d executions: %.300s", r.runs, v.text)
		return
	}
	t.Error("nothing notices that this rule is broken")
}

// What the mark says of the traffic, and what the machines show of it, is believed; nothing else is.
func TestWhetherItWasCutOverIsTakenFromTheMarkOrTheTraffic(t *testing.T) {
	w := newWorld(env{strategy: StrategyBlueGreen, declared: Able, mig: "none", image: "good"}, &chooser{})
	p := w.plan()
	p.Strategy = StrategyBlueGreen
	key := func(i int) string { return p.made()[i].key }
	greens := []Machine{{ID: "g1", Key: key(0), Cordoned: true}, {ID: "g2", Key: key(1), Cordoned: true}, {ID: "g3", Key: key(1), Cordoned: false}}
	for _, c := range []struct {
		name   string
		facts  Facts
		greens []Machine
		cut    bool
		phase  Phase
		back   bool
	}{
		{"before", Facts{}, greens[:2], false, GreenUp, false},
		{"the mark says so", Facts{CutOver: true}, greens[:2], true, Cutover, false},
		{"one has traffic", Facts{}, greens, true, Cutover, false},
		{"it goes back", Facts{Back: true, Why: "why"}, greens[:2], false, Rechecking, true},
		{"committed", Facts{CutOver: true, Commit: true}, greens, true, Cleaning, false},
	} {
		h := Head{Deploy: p.ID, Phase: GreenUp, Session: 3, Holder: "a@b", Plan: p.Hash(), Facts: c.facts}
		e := Elsewhere{Head: h, Machine: "m1", Plan: p}
		s, err := e.State(Reading{Machines: c.greens}, "c@d", epoch)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s.CutOver != c.cut || s.Phase() != c.phase || (s.Back != "") != c.back || s.Session != 3 {
			t.Errorf("%s: cut over %v, %s, back %q, session %d", c.name, s.CutOver, s.Phase(), s.Back, s.Session)
		}
		if u := s.find("", key(1)); c.name == "one has traffic" && u.id != "g3" {
			t.Errorf("%s: it went on with %s, not with the one that has it", c.name, u.id)
		}
	}
}
