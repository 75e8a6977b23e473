package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// boot is how long a machine is taken to start where a time is estimated.
const boot = 15 * time.Second

// planCommand is the command that does what a plan does.
func planCommand(p *engine.Plan) string {
	if p.Kind == engine.KindRollback {
		return "rollback " + strconv.Itoa(p.Artifact.Release)
	}
	return "deploy --image " + quote(p.Artifact.Image)
}

// sentence is what a plan does.
func sentence(p *engine.Plan) string {
	where := paint.Count(len(p.Targets), "machine", "machines") + " in " + paint.Count(len(regions(p)), "region", "regions")
	if p.Kind == engine.KindRollback {
		return fmt.Sprintf("Roll back to v%d, %s, on %s.", p.Artifact.Release, tag(p.Artifact.Image), where)
	}
	return fmt.Sprintf("Deploy %s to %s.", tag(p.Artifact.Image), where)
}

// undo is how it comes back.
func undo(p *engine.Plan) string {
	switch {
	case p.Command == nil:
		return "by itself where it fails; a while it runs, R after it"
	case p.Old.Able == engine.Able:
		return "by itself where it fails; a while it runs, R after it; migrations stay"
	}
	return "only until the release command starts; after that somebody decides"
}

// count is a region and how many machines change there.
type count struct {
	region string
	n      int
	alone  []string // groups of which one machine is all that serves there
}

// regions are where a plan changes machines, in the order in which it does.
func regions(p *engine.Plan) []count {
	var out []count
	at, warm := map[string]int{}, map[string]int{}
	for i := range p.Targets {
		t := &p.Targets[i]
		k, ok := at[t.Region]
		if !ok {
			k = len(out)
			at[t.Region] = k
			out = append(out, count{region: t.Region})
		}
		out[k].n++
		if !t.Cold() {
			warm[t.Region+"\x00"+t.Group]++
		}
	}
	for key, n := range warm {
		region, group, _ := strings.Cut(key, "\x00")
		if n == 1 && (p.Strategy == engine.StrategyRolling || p.Strategy == engine.StrategyCanary) {
			out[at[region]].alone = append(out[at[region]].alone, group)
		}
	}
	return out
}

// where is the regions in words: "fra 6, ams 4".
func where(p *engine.Plan) string {
	var out []string
	for _, c := range regions(p) {
		out = append(out, c.region+" "+strconv.Itoa(c.n))
	}
	return strings.Join(out, ", ")
}

// order is how machines change.
func order(p *engine.Plan) string {
	at := 1
	for _, g := range p.Groups {
		at = max(at, g.MaxUnavailable)
	}
	switch p.Strategy {
	case engine.StrategyBlueGreen:
		return "as many new ones beside them, then the traffic"
	case engine.StrategyImmediate:
		return "all at once"
	case engine.StrategyCanary:
		return fmt.Sprintf("one more first, then %d at a time", at)
	}
	if at == 1 {
		return "one at a time"
	}
	return fmt.Sprintf("one first, then %d at a time", at)
}

// stays are the migrations that deployments from here have run since a release, and that it is not known to work with.
func (p *Pane) stays(pl *engine.Plan) []action.Touch {
	if pl.Kind != engine.KindRollback {
		return nil
	}
	var tt []action.Touch
	for i := range p.deployments() {
		d := &p.deployments()[i]
		rec := d.Progress.Record
		if d.Plan == nil || d.Plan.Command == nil || rec == nil || rec.Version <= pl.Artifact.Release || !migrated(d) {
			continue
		}
		for _, m := range d.Plan.Migrations {
			if !m.Additive {
				tt = append(tt, action.Touch{What: fmt.Sprintf("v%d ran migration %d_%s", rec.Version, m.Version, m.Name), How: cmp.Or(m.Why, "not known to be additive"), Warn: true})
			}
		}
		if len(d.Plan.Migrations) == 0 && d.Plan.Old.Able != engine.Able {
			tt = append(tt, action.Touch{What: fmt.Sprintf("v%d ran its release command", rec.Version), How: "what it migrated is not known", Warn: true})
		}
	}
	if len(tt) > 0 {
		tt = append([]action.Touch{{What: fmt.Sprintf("v%d may not work with the schema", pl.Artifact.Release), How: "migrations since then stay", Warn: true}}, tt...)
	}
	return tt
}

// migrated says that a deployment's release command did its work.
func migrated(d *watch.Deployment) bool {
	return slices.ContainsFunc(d.Progress.Steps, func(s engine.StepStatus) bool { return s.Name == "release command" && s.State == engine.StepDone })
}

// touches are what a plan changes, what it asks first, and what it does not undo.
func (p *Pane) touches(q *watch.Planned) []action.Touch {
	pl := q.Plan
	from := "what runs: " + tag(pl.From.Image)
	if pl.From.Release > 0 {
		from = fmt.Sprintf("what runs: v%d, %s", pl.From.Release, tag(pl.From.Image))
	}
	tt := []action.Touch{
		{What: from, How: "becomes " + tag(pl.Artifact.Image)},
		{What: where(pl), How: string(pl.Strategy) + ", " + order(pl)},
		{What: "takes", How: "about " + paint.Duration(pl.Estimate(boot).Round(time.Second))},
	}
	var alone []string
	for _, c := range regions(pl) {
		for _, g := range slices.Sorted(slices.Values(c.alone)) {
			alone = append(alone, c.region+" "+g)
		}
	}
	if len(alone) > 0 {
		tt = append(tt, action.Touch{What: "alone: " + strings.Join(alone, ", "), How: "nothing of it serves there while it restarts", Warn: true})
	}
	for _, g := range pl.Gates {
		t := action.Touch{What: "gate: " + g.Name, How: "must pass"}
		if !g.Required {
			t.How = "is noted"
		}
		if g.When == engine.BeforeCommit {
			t.How += ", before the end"
		} else {
			t.How += ", before anything changes"
		}
		tt = append(tt, t)
	}
	tt = append(tt, p.stays(pl)...)
	tt = append(tt, commandTouches(pl)...)
	for _, n := range q.Notes {
		tt = append(tt, action.Touch{What: n, Warn: true})
	}
	return append(tt, action.Touch{What: "not undone by going back", How: "migrations, secrets, data"})
}

// commandTouches are what the release command does, and whether there is a way back from it.
func commandTouches(p *engine.Plan) []action.Touch {
	if p.Command == nil {
		return []action.Touch{{What: "release command", How: "none is run"}}
	}
	tt := []action.Touch{{What: "runs " + p.Command.Text, How: "once, in " + p.Command.Region}}
	for _, m := range p.Migrations {
		t := action.Touch{What: fmt.Sprintf("migration %d_%s", m.Version, m.Name), How: "the old release can live with it"}
		if !m.Additive {
			t.How, t.Warn = cmp.Or(m.Why, "not known to be additive"), true
		}
		tt = append(tt, t)
	}
	switch {
	case p.Old.Able == engine.Able && len(p.Migrations) == 0:
		tt = append(tt, action.Touch{What: "migrations", How: "none is pending"})
	case p.Old.Able != engine.Able:
		tt = append(tt, action.Touch{What: "no way back by itself after it", How: cmp.Or(p.Old.Reason, "whether the old release works with the new schema is not known"), Warn: true})
	}
	return tt
}

// standing is where a deployment stands, for who decides about it.
func standing(d *watch.Deployment) []action.Touch {
	pr := &d.Progress
	touched := 0
	for i := range pr.Machines {
		if s := pr.Machines[i].State; s != engine.StepPending && s != engine.StepSkipped {
			touched++
		}
	}
	tt := []action.Touch{
		{What: string(d.Plan.Kind) + " of " + tag(d.Plan.Artifact.Image), How: phase(pr.Phase)},
		{What: paint.Count(touched, "machine", "machines") + " touched", How: fmt.Sprintf("of %d; %d are where they are to be", len(pr.Machines), pr.Done)},
	}
	if pr.Reason != "" {
		tt = append(tt, action.Touch{What: pr.Reason, Warn: true})
	}
	if d.Plan.Command != nil && d.Plan.Old.Able != engine.Able {
		tt = append(tt, action.Touch{What: "the old release and the new schema", How: cmp.Or(d.Plan.Old.Reason, "not known to work"), Warn: true})
	}
	return append(tt, action.Touch{What: "not undone", How: "migrations, secrets, data"})
}

// planPage is the plan that waits, whole.
func (p *Pane) planPage(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	q := p.planned()
	pl := q.Plan
	g.Heading("PLAN", paint.Part{Role: themes.Muted, Text: "not started; made " + paint.Ago(p.now, q.At)})
	g.Text(themes.Strong, 3, paint.Part{Role: themes.Info, Text: env.Glyphs.Queued}, sentence(pl), 3)
	for _, f := range pl.Facts(boot) {
		g.Told(f.Label, f.Text, role(f.Label), 4)
	}
	for _, t := range p.stays(pl) {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, t.What+": "+t.How, 3)
	}
	for _, n := range q.Notes {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, n, 3)
	}
	g.Heading("MACHINES", paint.Part{Role: themes.Muted, Text: "in the order in which they may change"})
	for i, batch := range pl.Batches() {
		g.Told(strconv.Itoa(i+1), strings.Join(batch, "  "), themes.Muted, 6)
	}
	return g
}

// role is how a line of a plan looks, by its label.
func role(label string) themes.Role {
	switch label {
	case "downtime":
		return themes.Warn
	case "runs", "migration", "deploy", "rollback":
		return themes.Plain
	}
	return themes.Muted
}

// phases are the engine's phases for people.
var phases = map[engine.Phase]string{
	engine.Planned: "planned", engine.Locking: "locking the machines", engine.Gating: "at its gates", engine.Announcing: "announcing itself",
	engine.Migrating: "release command", engine.Soaking: "old release on the new schema", engine.Canarying: "canary", engine.GreenUp: "new machines beside the old",
	engine.Rolling: "machine after machine", engine.Cutover: "moving the traffic: no way back", engine.Verifying: "looking at the whole fleet", engine.Cleaning: "tidying up",
	engine.Reverting: "going back", engine.Rechecking: "looking at the fleet as it was", engine.Releasing: "giving leases back", engine.Parked: "stands still", engine.Ended: "ended",
}

func phase(ph engine.Phase) string { return cmp.Or(phases[ph], string(ph)) }
