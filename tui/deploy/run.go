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
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

func (p *Pane) deploymentMain(env *pane.Env, w int) []stack.Section {
	d := p.current()
	if d.Plan == nil {
		return []stack.Section{p.unreadable(env, w, d)}
	}
	return []stack.Section{
		p.deploymentHead(env, w, d), p.decision(env, w, d), p.steps(env, w, d), p.bar(d),
		p.tableSection(env, &p.machines, partMachines, "MACHINES", len(d.Progress.Machines)),
	}
}

func (p *Pane) deploymentSide(env *pane.Env, w int) []stack.Section {
	d := p.current()
	if d.Plan == nil {
		return []stack.Section{p.hatch(env, w)}
	}
	return []stack.Section{p.guards(env, w, d), p.said(env, w, d), p.log(env, w, d), p.changes(env, w, d), p.hatch(env, w)}
}

// unreadable says what is wrong with a journal.
func (p *Pane) unreadable(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	g := page.New(env, w)
	g.Heading("DEPLOYMENT "+d.ID, paint.Part{Role: themes.Crit, Text: "its journal cannot be read"})
	if d.Err != nil {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Crit, Text: env.Glyphs.Crit}, d.Err.Error(), 6)
	}
	g.Text(themes.Muted, 3, paint.Part{}, "What it did is not known from here, and it cannot be resumed. Look which release each machine runs, and whether the release command ran; then put the journal aside and deploy, or roll back, anew.", 6)
	g.Text(themes.Plain, 3, paint.Part{Role: themes.Accent, Text: "E"}, "puts it aside; it is kept under another name", 2)
	return section(g, g.Len())
}

// state is how a deployment is, in a mark and a word.
func (p *Pane) state(d *watch.Deployment) paint.Mark {
	pr := &d.Progress
	switch {
	case pr.Outcome == engine.Deployed:
		return paint.Mark{Glyph: p.glyphs.Done, Role: themes.OK, Word: "done"}
	case pr.Outcome == engine.RolledBack:
		return paint.Mark{Glyph: p.glyphs.Warn, Role: themes.Warn, Word: "rolled back"}
	case pr.Outcome == engine.Unchanged:
		return paint.Mark{Glyph: p.glyphs.Warn, Role: themes.Warn, Word: "nothing was changed"}
	case pr.Outcome == engine.Abandoned:
		return paint.Mark{Glyph: p.glyphs.Warn, Role: themes.Warn, Word: "left as it is"}
	case pr.Halt != "":
		return paint.Mark{Glyph: p.glyphs.Crit, Role: themes.Crit, Word: "stands still"}
	case d.Waits():
		return paint.Mark{Glyph: p.glyphs.Crit, Role: themes.Crit, Word: "nobody carries it on"}
	case pr.Paused != "":
		return paint.Mark{Glyph: p.glyphs.Stopped, Role: themes.Warn, Word: "paused"}
	case pr.Back != "":
		return paint.Mark{Glyph: p.spin(), Role: themes.Warn, Word: "going back"}
	}
	return paint.Mark{Glyph: p.spin(), Role: themes.Info, Word: phase(pr.Phase)}
}

// title is what a deployment is: "deploy deployment-43", with its number where the platform has given one.
func title(d *watch.Deployment) string {
	if d.Plan.Kind == engine.KindRollback {
		return fmt.Sprintf("rollback to v%d", d.Plan.Artifact.Release)
	}
	if r := d.Progress.Record; r != nil && r.Version > 0 {
		return "deploy v" + strconv.Itoa(r.Version)
	}
	return "deploy " + tag(d.Plan.Artifact.Image)
}

// took is how long a deployment takes, or took.
func (p *Pane) took(d *watch.Deployment) time.Duration {
	end := p.now
	if !d.Runs() {
		end = ended(d)
	}
	return max(end.Sub(d.Progress.Began), 0).Truncate(time.Second)
}

func (p *Pane) deploymentHead(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	pr, m := &d.Progress, p.state(d)
	g := page.New(env, w)
	g.Line(func(l *paint.Line) {
		l.Text(m.Role, m.Glyph).Gap(1).Text(themes.Strong, title(d)).Gap(2).Text(m.Role, m.Word)
		if d.Runs() || d.Waits() {
			l.Gap(2).Text(themes.Plain, fmt.Sprintf("%d/%d", pr.Done, pr.Total))
		}
		right := []paint.Part{{Role: themes.Muted, Text: "by " + d.Plan.By + "  "}, {Role: themes.Muted, Text: paint.Duration(p.took(d))}}
		if pr.ETA > 0 && d.Runs() {
			right = append(right, paint.Part{Role: themes.Plain, Text: "  eta " + paint.Duration(pr.ETA.Round(time.Second))})
		}
		l.Right(right...)
	})
	g.Line(func(l *paint.Line) {
		l.Gap(2).Text(themes.Muted, tag(d.Plan.From.Image)+" "+l.Glyphs.Right+" "+tag(d.Plan.Artifact.Image)+"  "+string(d.Plan.Strategy)+", "+order(d.Plan))
		if len(p.deployments()) > 1 && p.which != "" {
			l.Right(paint.Part{Role: themes.Muted, Text: paint.Clock(p.now, d.Plan.At)})
		}
	})
	say := func(r themes.Role, glyph, text string) {
		g.Text(themes.Plain, 2, paint.Part{Role: r, Text: glyph}, text, 3)
	}
	switch {
	case d.InUse && d.Elsewhere:
		say(themes.Info, env.Glyphs.Right, cmp.Or(d.Holder, "Somebody else")+" carries it on, and its journal is not here: it can be taken over once nobody holds its machines.")
	case d.InUse && !d.Here:
		say(themes.Info, env.Glyphs.Right, "Another process of this machine carries it on ("+d.Holder+"): here it can be followed, there it can be asked.")
	}
	if pr.Back != "" && pr.Halt == "" {
		word := "It goes back: "
		if d.Over() {
			word = "It went back: "
		}
		say(themes.Warn, env.Glyphs.Warn, word+pr.Back)
	}
	if pr.Paused != "" {
		text := "Paused: " + pr.Paused
		if !pr.BackAt.IsZero() && d.Runs() {
			text += "; it goes back by itself at " + pr.BackAt.UTC().Format("15:04:05Z") + " if that lasts"
		}
		say(themes.Warn, env.Glyphs.Stopped, text)
	}
	if pr.Outcome != "" && pr.Reason != "" && pr.Reason != pr.Back {
		say(m.Role, m.Glyph, pr.Reason)
	}
	if pr.Waiting != "" && d.Runs() && pr.Waiting != "paused: "+pr.Paused {
		g.Line(func(l *paint.Line) { l.Gap(2).Text(themes.Muted, "waiting: "+pr.Waiting) })
	}
	if d.Err != nil {
		say(themes.Crit, env.Glyphs.Crit, d.Err.Error())
	}
	return section(g, g.Len())
}

// decision is what there is to decide, why, and what each answer does.
func (p *Pane) decision(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	pr := &d.Progress
	if !d.Waits() {
		return stack.Section{}
	}
	g := page.New(env, w)
	word := "its process ended"
	switch {
	case pr.Halt != "":
		word = string(pr.Halt)
	case d.Elsewhere:
		word = "its journal is not here"
	}
	g.Heading("NEEDS A DECISION", paint.Part{Role: themes.Crit, Text: word})
	reason := pr.Reason
	if pr.Halt == "" {
		reason = "It was begun by " + cmp.Or(d.Holder, d.Plan.By) + " and has not ended; it was last heard of " + paint.Ago(p.now, ended(d)) + ". What was under way then is looked at before anything is done."
	}
	if d.Elsewhere {
		reason = strings.TrimSpace(pr.Reason + " Its journal is not here: it is that of " + cmp.Or(d.Holder, d.Plan.By) +
			", and nobody holds its machines any more. Whatever is chosen takes it over first: what was under way is looked at before anything is done, and it stops where it was begun.")
	}
	g.Text(themes.Plain, 3, paint.Part{Role: themes.Crit, Text: env.Glyphs.Crit}, reason, 6)
	for _, c := range choices {
		if offered(d, c.choice) {
			g.Text(themes.Muted, 5, paint.Part{Role: themes.Accent, Text: c.key}, c.choice.About(), 2)
		}
	}
	return section(g, g.Len())
}

// steps are the plan's lines with what became of them.
func (p *Pane) steps(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	ss := d.Progress.Steps
	name := 0
	for i := range ss {
		name = max(name, paint.Width(ss[i].Name, env.Glyphs))
	}
	name = min(name, max(w*9/20, 12))
	g := page.New(env, w)
	g.Heading("PLAN")
	focus := 0
	for i := range ss {
		s := &ss[i]
		if s.State == engine.StepRunning || s.State == engine.StepFailed || s.State == engine.StepDone {
			focus = i
		}
		g.Line(func(l *paint.Line) { p.stepLine(l, s, name) })
	}
	return stack.Section{Least: min(len(ss)+1, 4), Most: len(ss) + 1, Draw: func(b *paint.Block, _, _, _ int) {
		h := b.Rest()
		b.Append(g.View(0, 1)...)
		// Where not all fit, those around the one that is under way are shown.
		top := max(min(focus-(h-1)/2, len(ss)-(h-1)), 0)
		b.Append(g.View(1+top, b.Rest())...)
	}}
}

func (p *Pane) stepLine(l *paint.Line, s *engine.StepStatus, name int) {
	role := themes.Plain
	if s.State == engine.StepPending || s.State == engine.StepSkipped {
		role = themes.Muted
	}
	took := ""
	if s.Took > 0 {
		took = paint.Duration(s.Took.Truncate(100 * time.Millisecond))
	}
	text := s.Text
	if s.State == engine.StepSkipped && text == "" {
		text = "left out"
		if s.Took > 0 {
			text = "not finished"
		}
	}
	mark := p.stateMark(s.State)
	if s.State == engine.StepFailed && p.onlyNoted(s.Name) {
		mark = paint.Part{Role: themes.Warn, Text: p.glyphs.Warn}
	}
	l.Gap(1).Parts(mark).Gap(1).Cell(role, s.Name, name, paint.Left).Gap(2)
	l.Max(themes.Muted, text, l.Rest()-9).Right(paint.Part{Role: themes.Muted, Text: took})
}

// onlyNoted says that a step is a gate whose answer stops nothing.
func (p *Pane) onlyNoted(step string) bool {
	d := p.current()
	return d != nil && d.Plan != nil && slices.ContainsFunc(d.Plan.Gates, func(g engine.Gate) bool { return g.Name == step && !g.Required })
}

// bar is how many machines are where they are to be.
func (p *Pane) bar(d *watch.Deployment) stack.Section {
	pr := &d.Progress
	if pr.Total == 0 {
		return stack.Section{}
	}
	f := float64(pr.Done) / float64(pr.Total)
	role := themes.Info
	switch {
	case pr.Outcome == engine.Deployed:
		role = themes.OK
	case pr.Back != "" || pr.Halt != "" || pr.Outcome != "":
		role = themes.Warn
	}
	return stack.Section{Least: 1, Most: 1, Draw: func(b *paint.Block, w, _, _ int) {
		said := fmt.Sprintf("%3d%%  %d/%d", 100*pr.Done/pr.Total, pr.Done, pr.Total)
		if pr.Back != "" {
			said += " back"
		}
		b.Line().Gap(1).Bar(role, themes.Border, f, max(w-3-len(said)-1, 0)).Gap(2).Text(themes.Plain, said)
	}}
}

// log is what happened, the latest last.
func (p *Pane) log(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	ee := d.Events
	g := page.New(env, w)
	p.eventLines(g, ee[max(len(ee)-200, 0):], true)
	word := "following"
	if !d.Runs() {
		word = paint.Count(len(ee), "event", "events")
	}
	return stack.Section{Least: 5, Most: 1 + max(g.Len(), 1), Draw: func(b *paint.Block, _, _, _ int) {
		b.Line().Rule("LOG", paint.Part{Role: themes.Muted, Text: word})
		n := b.Rest()
		b.Append(g.View(max(g.Len()-n, 0), n)...)
	}}
}

// told says whether what an event tells is said better by one after it, or above.
func told(ee []engine.Event, i int) bool {
	e := &ee[i]
	switch e.Kind {
	case engine.EventWaiting:
		return true
	case engine.EventBegun:
		return slices.ContainsFunc(ee[i+1:min(len(ee), i+100)], func(x engine.Event) bool {
			return x.Step == e.Step && x.Kind != engine.EventBegun && x.Kind != engine.EventPhase && (x.Machine == e.Machine || e.Machine == "")
		})
	}
	return false
}

// eventLines are events in words.
func (p *Pane) eventLines(g *page.Page, ee []engine.Event, machines bool) {
	for i := range ee {
		e := &ee[i]
		if told(ee, i) {
			continue
		}
		text := p.eventText(e, machines)
		if text == "" {
			continue
		}
		mark := p.eventMark(e)
		g.Text(mark.Role, 11, paint.Part{Role: themes.Faint, Text: e.At.UTC().Format("15:04:05") + " " + p.eventGlyph(e)}, text, 3)
	}
}

func (p *Pane) eventGlyph(e *engine.Event) string {
	switch e.Kind {
	case engine.EventHealthy, engine.EventDone:
		return p.glyphs.Done
	case engine.EventFailed, engine.EventHalted:
		return p.glyphs.Crit
	case engine.EventBack, engine.EventUnclear:
		return p.glyphs.Warn
	case engine.EventPhase:
		return p.glyphs.Right
	}
	return p.glyphs.Dot
}

func (p *Pane) eventMark(e *engine.Event) paint.Part {
	switch e.Kind {
	case engine.EventFailed, engine.EventHalted:
		return paint.Part{Role: themes.Crit}
	case engine.EventBack, engine.EventUnclear:
		return paint.Part{Role: themes.Warn}
	case engine.EventPhase, engine.EventEnded:
		return paint.Part{Role: themes.Strong}
	case engine.EventHealthy, engine.EventDone, engine.EventNotice:
		return paint.Part{Role: themes.Plain}
	}
	return paint.Part{Role: themes.Muted}
}

// eventText is an event in a line, without its time.
func (p *Pane) eventText(e *engine.Event, machines bool) string {
	var parts []string
	if machines && e.Machine != "" {
		parts = append(parts, p.names.Short(e.Machine))
		if e.Region != "" {
			parts = append(parts, e.Region)
		}
	}
	switch e.Kind {
	case engine.EventPhase:
		parts = append(parts, phase(e.Phase))
	case engine.EventHealthy:
		parts = append(parts, "healthy")
	case engine.EventEnded:
		parts = append(parts, "ended: "+strings.ReplaceAll(e.Step, "_", " "))
	case engine.EventBack:
		parts = append(parts, "going back:")
	case engine.EventWaiting:
		parts = append(parts, "waiting:")
	case engine.EventUnclear:
		parts = append(parts, strings.ReplaceAll(e.Step, "_", " "), "unclear:")
	case engine.EventFailed:
		if e.Step != string(engine.New) && e.Step != string(engine.Old) {
			parts = append(parts, strings.ReplaceAll(e.Step, "_", " "), "failed:")
		}
	default:
		if e.Text == "" || e.Step == "gate" {
			parts = append(parts, strings.ReplaceAll(e.Step, "_", " "))
		}
	}
	text := e.Text
	if e.Machine != "" {
		text = strings.ReplaceAll(text, "machine "+e.Machine, "it")
	}
	if e.Kind != engine.EventHealthy {
		parts = append(parts, text)
	}
	if e.Took >= 100*time.Millisecond {
		parts = append(parts, "in "+paint.Duration(e.Took.Truncate(100*time.Millisecond)))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// changes are what goes out, and what it takes with it.
func (p *Pane) changes(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	g := page.New(env, w)
	g.Heading("WHAT CHANGES")
	g.Told("image", tag(d.Plan.From.Image)+" "+env.Glyphs.Right+" "+tag(d.Plan.Artifact.Image), themes.Plain, 2)
	if c := d.Plan.Command; c != nil {
		g.Told("runs", c.Text+" in "+c.Region, themes.Plain, 2)
	}
	for i, m := range d.Plan.Migrations {
		label, r := "", themes.Plain
		if i == 0 {
			label = "migrations"[:9]
		}
		text := strconv.FormatInt(m.Version, 10) + " " + m.Name
		if !m.Additive {
			text, r = text+": "+cmp.Or(m.Why, "not additive"), themes.Warn
		}
		g.Told(label, text, r, 2)
	}
	switch {
	case d.Plan.Command == nil:
		g.Told("back", "possible at any time", themes.Muted, 1)
	case d.Plan.Old.Able == engine.Able:
		g.Told("back", "possible; migrations stay", themes.Muted, 1)
	default:
		g.Told("back", "somebody decides: "+cmp.Or(d.Plan.Old.Reason, "not known to work"), themes.Warn, 3)
	}
	g.Told("regions", where(d.Plan), themes.Muted, 2)
	return section(g, 3)
}

// machineDetail is all that is known of the machine under the cursor.
func (p *Pane) machineDetail(env *pane.Env, w int) (string, *page.Page) {
	d, m := p.current(), p.chosen()
	if d == nil || m == nil {
		return "", nil
	}
	g := page.New(env, w)
	g.Heading(m.ID, paint.Part{Role: p.stateMark(m.State).Role, Text: m.Step})
	g.Fact("region", m.Region, themes.Plain, "")
	g.Fact("group", m.Group, themes.Plain, "")
	g.Fact("from", named(m.From), themes.Plain, "")
	to := ""
	if m.To > 0 {
		to = named(m.To)
	}
	g.Fact("to", to, themes.Plain, "")
	text, r := p.checks(m)
	g.Fact("checks", text, r, "")
	if m.Took > 0 {
		g.Fact("took", paint.Duration(m.Took), themes.Plain, "")
	}
	g.Told("says", m.Text, themes.Warn, 6)
	if d.Plan != nil {
		if i := slices.IndexFunc(d.Plan.Targets, func(t engine.Target) bool { return t.Machine == m.ID }); i >= 0 {
			prev := &d.Plan.Targets[i].Prev
			g.Heading("AS IT WAS", paint.Part{Role: themes.Muted, Text: "and as it is put back"})
			g.Told("image", prev.Image, themes.Plain, 3)
			g.Fact("version", prev.Version, themes.Muted, "")
			g.Fact("state", string(prev.State), themes.Muted, "")
		}
	}
	g.Heading("LOG")
	var ee []engine.Event
	for i := range d.Events {
		if d.Events[i].Machine == m.ID {
			ee = append(ee, d.Events[i])
		}
	}
	p.eventLines(g, ee, false)
	if len(ee) == 0 {
		g.Text(themes.Muted, 3, paint.Part{}, "Nothing has been done to it.", 1)
	}
	p.saidPage(g, m.ID)
	return "machine " + m.ID, g
}
