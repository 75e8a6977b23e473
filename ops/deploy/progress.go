package deploy

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// ProgressOf is where a deployment stands that nobody runs at the moment.
func ProgressOf(s *State) Progress {
	return progress(s, newObserved(s.Plan), Decision{}, s.At)
}

func progress(s *State, o *Observed, d Decision, now time.Time) Progress {
	p := Progress{
		At: now, Phase: s.phase, Back: s.Back, Halt: s.Halt, Reason: s.Reason, Choices: s.Choices(), Outcome: s.Outcome,
		Paused: s.Paused, ByGuard: s.Paused != "" && s.PausedBy == "", Waiting: d.Waiting, Guards: o.Guards, Began: s.Began, Record: s.Record,
	}
	if p.ByGuard && !s.CutOver {
		p.BackAt = s.patience()
	}
	p.Done, p.Total = s.count()
	p.Steps = steps(s, now)
	for i := range s.units {
		u := &s.units[i]
		if m := o.of(u); u.role == roleTarget || m != nil || u.touched {
			p.Machines = append(p.Machines, machineStatus(s, o, u, now))
		}
	}
	for i := range o.Runs {
		if run := &o.Runs[i]; s.Plan.Command != nil && run.Key == s.Plan.runKey() {
			p.Run = run
		}
	}
	p.ETA = eta(s, p.Done, p.Total)
	return p
}

// eta is how long what is left would take if each machine took as long as those before it.
func eta(s *State, done, total int) time.Duration {
	var sum, n time.Duration
	for i := range s.units {
		if d := s.units[i].took; d > 0 {
			sum += d
			n++
		}
	}
	if s.Outcome != "" || s.Halt != "" || done >= total || n == 0 {
		return 0
	}
	at := 1
	for _, g := range s.Plan.Groups {
		at = max(at, g.MaxUnavailable)
	}
	if s.Plan.Strategy == StrategyImmediate || s.Plan.Strategy == StrategyBlueGreen {
		at = total
	}
	return sum/n*time.Duration((total-done+at-1)/at) + s.Plan.Timings.Stable
}

// steps are the plan's lines with what became of them.
func steps(s *State, now time.Time) []StepStatus {
	var out []StepStatus
	running := s.phase
	add := func(name string, ph Phase, done bool, text string) {
		st := StepStatus{Name: name, State: StepPending, Text: text, Took: s.took[ph]}
		switch {
		case done:
			st.State = StepDone
		case ph == running:
			st.State = StepRunning
			st.Took += now.Sub(s.phaseAt)
		case s.Back != "" || s.Halt != "" || s.Outcome != "":
			st.State = StepSkipped
		}
		out = append(out, st)
	}
	add("lock machines", Locking, s.Locked, "")
	for i := range s.Plan.Gates {
		out = append(out, gateStep(s, i, BeforeChange)...)
	}
	if c := s.Plan.Command; c != nil {
		add("release command", Migrating, s.Migrated, c.Text)
		if s.RunBad {
			out[len(out)-1].State, out[len(out)-1].Text = StepFailed, s.ranBadly()
		}
		if s.Plan.Timings.Soak > 0 {
			add("old release on the new schema", Soaking, s.Soaked, "")
		}
	}
	switch s.Plan.Strategy {
	case StrategyCanary:
		add("canary", Canarying, s.all(roleCanary), "")
		add("machines", Rolling, s.all(roleTarget), "")
	case StrategyBlueGreen:
		add("new machines", GreenUp, s.all(roleGreen), "")
	case StrategyRolling, StrategyImmediate:
		add("machines", Rolling, s.all(roleTarget), "")
	}
	add("whole fleet", Verifying, s.Verified[0] || s.CutOver, "")
	for i := range s.Plan.Gates {
		out = append(out, gateStep(s, i, BeforeCommit)...)
	}
	if s.Plan.Strategy == StrategyBlueGreen {
		add("cutover", Cutover, s.Commit, "")
	}
	add("finish", Cleaning, s.Outcome == Deployed, "")
	if s.Back != "" {
		add("put back", Reverting, s.reverted() && s.Verified[1], s.Back)
		add("whole fleet as before", Rechecking, s.Verified[1], "")
	}
	return out
}

func gateStep(s *State, i int, when Moment) []StepStatus {
	g, a := &s.Plan.Gates[i], &s.gates[i]
	if g.When != when {
		return nil
	}
	st := StepStatus{Name: g.Name, State: StepPending, Text: a.text}
	switch {
	case a.pending:
		st.State = StepRunning
	case a.word == Done && (a.verdict == Pass || a.verdict == Warn):
		st.State, st.Took = StepDone, a.ended.Sub(a.began)
	case a.word != "":
		st.State, st.Took = StepFailed, a.ended.Sub(a.began)
	case s.Back != "" || s.Outcome != "":
		st.State = StepSkipped
	}
	return []StepStatus{st}
}

func machineStatus(s *State, o *Observed, u *unit, now time.Time) MachineStatus {
	target := &s.Plan.Targets[u.target]
	out := MachineStatus{
		ID: u.id, Region: target.Region, Group: target.Group, From: target.Prev.Release, Checks: target.Checks,
		State: StepPending, Step: "queued",
	}
	if u.role != roleTarget {
		out.From = 0
	}
	if s.Record != nil {
		out.To = s.Record.Version
	}
	side := 0
	if s.Back != "" {
		side = 1
	}
	m := o.of(u)
	if m != nil {
		out.ID = m.ID
		out.Checks = max(len(m.Checks), target.Checks)
		for _, c := range m.Checks {
			if c.Passing {
				out.Passing++
			}
		}
	}
	if !u.changed.IsZero() {
		out.Took = now.Sub(u.changed)
	}
	switch {
	case u.gaveUp != "":
		out.State, out.Step, out.Text = StepFailed, "given up", u.gaveUp
	case m != nil && m.Lost:
		out.State, out.Step, out.Text = StepFailed, "lost", "its host cannot be reached"
	case u.destroy.n > 0 || u.stop.n > 0 && s.Commit && s.Plan.Strategy == StrategyBlueGreen:
		out.State, out.Step = StepRunning, "removing"
		if m == nil {
			out.State, out.Step = StepDone, "removed"
		}
	case side == 1 && !u.touched:
		out.State, out.Step = StepSkipped, "not touched"
	case u.healthy[side]:
		out.State, out.Step, out.Took = StepDone, "healthy", u.took
		switch {
		case side == 1:
			out.Step = "as before"
		case u.role == roleTarget && u.stop.word == Done:
			out.Step, out.Text, out.Passing = "stopped", "it was well with the new release, and is stopped again, as it was before", 0
		}
	case u.sick != "":
		out.State, out.Step, out.Text = StepRunning, "unhealthy", u.sick
		if u.restart[side].n > 0 {
			out.Step = "restarted"
		}
	case u.put[side].pending || u.put[side].n > 0:
		out.State, out.Step = StepRunning, map[bool]string{false: "updating", true: "reverting"}[side == 1]
		if m != nil && u.put[side].word == Done && m.Version == u.put[side].version {
			out.Step = "starting"
			if m.State == Started {
				out.Step = "checks"
			}
		}
		if u.put[side].word == Unclear {
			out.Text = "not known whether it was changed, looking: " + u.put[side].text
		}
	}
	return out
}

// Estimate is about how long the plan takes where nothing goes wrong, given how long a machine takes to start.
func (p *Plan) Estimate(boot time.Duration) time.Duration {
	t := &p.Timings
	each := boot + t.Stable
	var d time.Duration
	if p.Command != nil {
		d += boot + t.Soak
	}
	warm := map[string]int{}
	for i := range p.Targets {
		if !p.Targets[i].Cold() {
			warm[p.Targets[i].Group]++
		}
	}
	switch p.Strategy {
	case StrategyBlueGreen:
		return d + each + 3*t.Stable + t.Drain
	case StrategyImmediate:
		return d + each + t.Stable
	case StrategyCanary:
		d += each
	case StrategyRolling:
	}
	longest := 0
	for g, n := range warm {
		if n > 0 {
			longest = max(longest, 1+(n-1+p.maxUnavailable(g)-1)/p.maxUnavailable(g))
		}
	}
	return d + time.Duration(longest)*each + t.Stable
}

// Batches are the machines in the order in which they are to change, those together that may change together. What
// happens decides which really do.
func (p *Plan) Batches() [][]string {
	var out [][]string
	var cur []string
	flush := func() {
		if len(cur) > 0 {
			out = append(out, cur)
		}
		cur = nil
	}
	for _, g := range p.Groups {
		first := true
		for i := range p.Targets {
			t := &p.Targets[i]
			if t.Group != g.Name {
				continue
			}
			cur = append(cur, t.Machine)
			together := g.MaxUnavailable
			if first {
				together = 1
			}
			if p.Strategy == StrategyImmediate || p.Strategy == StrategyBlueGreen {
				together = len(p.Targets)
			}
			if len(cur) >= together {
				flush()
				first = false
			}
		}
		flush()
	}
	return out
}

// Fact is a line of a plan for a reader: what it is about, in a word, and what is to be said of that.
type Fact struct{ Label, Text string }

// Lines are Facts, each as a line of text.
func (p *Plan) Lines(boot time.Duration) []string {
	var out []string
	for _, f := range p.Facts(boot) {
		out = append(out, fmt.Sprintf("%-9s %s", f.Label, f.Text))
	}
	return out
}

// Facts are the plan for a reader: what goes where, what it touches, how long it takes, and what it does not undo. boot is how
// long a machine is taken to start.
func (p *Plan) Facts(boot time.Duration) []Fact {
	regions := map[string]int{}
	var order []string
	alone := map[string]int{}
	for i := range p.Targets {
		t := &p.Targets[i]
		if regions[t.Region] == 0 {
			order = append(order, t.Region)
		}
		regions[t.Region]++
		if !t.Cold() {
			alone[t.Region+" "+t.Group]++
		}
	}
	var out []Fact
	add := func(label, format string, a ...any) {
		out = append(out, Fact{label, fmt.Sprintf(format, a...)})
	}
	add(string(p.Kind), "%s", p.Artifact.Image)
	add("from", "%s", p.From.Image)
	where := ""
	for _, r := range order {
		if where != "" {
			where += ", "
		}
		where += fmt.Sprintf("%s %d", r, regions[r])
	}
	add("touches", "%s", where)
	bb := p.Batches()
	switch p.Strategy {
	case StrategyBlueGreen:
		add("strategy", "bluegreen: %d new machines beside the old ones, then the traffic, then the old ones go", len(p.Targets))
	case StrategyImmediate:
		add("strategy", "immediate: all at once, none is left serving meanwhile")
	case StrategyCanary:
		add("strategy", "canary: one more machine per group first, then %d batches, %s", len(bb), p.atOnce())
	case StrategyRolling:
		add("strategy", "rolling: %d batches, %s", len(bb), p.atOnce())
	}
	for _, g := range p.Gates {
		must := "is noted"
		if g.Required {
			must = "must pass"
		}
		add("gate", "%s, which %s", g.Name, must)
	}
	if p.Command != nil {
		add("runs", "%s, once, in %s; it is never ended", p.Command.Text, p.Command.Region)
		for _, m := range p.Migrations {
			why := "additive"
			if !m.Additive {
				why = cmp.Or(m.Why, "not known to be additive")
			}
			add("migration", "%d %s: %s", m.Version, m.Name, why)
		}
		add("soaks", "%s: the old release on the new schema, before the first machine", p.Timings.Soak)
	}
	add("takes", "about %s", p.Estimate(boot).Round(time.Second))
	for i := range p.Targets {
		if k := p.Targets[i].Region + " " + p.Targets[i].Group; alone[k] == 1 && (p.Strategy == StrategyRolling || p.Strategy == StrategyCanary) {
			add("downtime", "%s has one machine of group %s: nothing serves there while it restarts", p.Targets[i].Region, p.Targets[i].Group)
			alone[k] = 0
		}
	}
	switch {
	case p.Command == nil:
		add("back", "by itself, to what each machine runs now")
	case p.Old.Able == Able:
		add("back", "by itself, to what each machine runs now; migrations that ran stay")
	default:
		add("back", "by itself until the release command has started; after it a human is asked: %s", cmp.Or(p.Old.Reason, "it is not known whether the old release works with the new schema"))
	}
	add("leaves", "secrets as they are; machines that others make or change")
	return out
}

// atOnce is how many machines are away at a time.
func (p *Plan) atOnce() string {
	var gg []string
	for _, g := range p.Groups {
		gg = append(gg, fmt.Sprintf("%d of %s", g.MaxUnavailable, g.Name))
	}
	return "at most " + strings.Join(gg, " and ") + " at a time"
}
