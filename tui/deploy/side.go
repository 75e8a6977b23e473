package deploy

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/audit"
	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/versions"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

// releasePreview is the release under the cursor in a few lines.
func (p *Pane) releasePreview(env *pane.Env, w int) stack.Section {
	r := p.release()
	if r == nil {
		return stack.Section{}
	}
	g := page.New(env, w)
	p.releaseFacts(g, r)
	return section(g, 3)
}

func (p *Pane) releaseFacts(g *page.Page, r *row) {
	m := p.mark(r)
	g.Heading("RELEASE "+r.version(), paint.Part{Role: m.Role, Text: m.Glyph + " " + m.Word})
	text, role := p.runsCell(r)
	if r.runs == 0 {
		text = "no machine"
	}
	g.Fact("runs on", text, role, "")
	g.Fact("made", paint.Ago(p.now, r.At), themes.Plain, "")
	g.Fact("by", r.By, themes.Plain, "")
	g.Told("image", tag(r.Image), themes.Plain, 2)
	if from := repository(r.Image); from != r.Image {
		g.Told("from", from, themes.Muted, 2)
	}
	g.Fact("strategy", r.Strategy, themes.Muted, "")
	g.Told("what", r.Description, themes.Plain, 4)
}

// releaseDetail is all that is known of the release under the cursor.
func (p *Pane) releaseDetail(env *pane.Env, w int) (string, *page.Page) {
	r := p.release()
	if r == nil {
		return "", nil
	}
	g := page.New(env, w)
	p.releaseFacts(g, r)
	g.Heading("RUNS ON")
	n := 0
	for _, m := range p.snap().Machines {
		if m.Release == r.Version {
			n++
			g.Line(func(l *paint.Line) {
				l.Gap(2).Cell(themes.Plain, m.ID, 15, paint.Left).Gap(1).Cell(themes.Muted, m.Region, 5, paint.Left).Cell(themes.Muted, m.Group, 9, paint.Left).Text(themes.Muted, m.State)
			})
		}
	}
	if n == 0 {
		g.Text(themes.Muted, 2, paint.Part{}, "No machine runs it. R plans to go back to it; a plan only looks.", 2)
	}
	for i := range p.deployments() {
		d := &p.deployments()[i]
		if rec := d.Progress.Record; rec == nil || rec.Version != r.Version || d.Plan == nil {
			continue
		}
		m := p.state(d)
		g.Heading("DEPLOYMENT "+short(d.ID), paint.Part{Role: m.Role, Text: m.Word})
		p.eventLines(g, d.Events, true)
	}
	return "release " + r.version(), g
}

// history is the deployments whose journals are here.
func (p *Pane) history(env *pane.Env, w int) stack.Section {
	dd := p.deployments()
	if len(dd) == 0 {
		return stack.Section{}
	}
	g := page.New(env, w)
	g.Heading("DEPLOYMENTS", paint.Part{Role: themes.Muted, Text: "from here  "}, paint.Part{Role: themes.Accent, Text: "n"}, paint.Part{Role: themes.Muted, Text: " opens"})
	for i := range dd[:min(len(dd), 8)] {
		d := &dd[i]
		g.Line(func(l *paint.Line) {
			if d.Plan == nil {
				l.Gap(1).Text(themes.Crit, l.Glyphs.Crit).Gap(1).Text(themes.Plain, short(d.ID)).Text(themes.Muted, " cannot be read")
				return
			}
			m := p.state(d)
			l.Gap(1).Text(m.Role, m.Glyph).Gap(1).Text(themes.Plain, title(d)).Text(themes.Muted, " "+m.Word).Right(paint.Part{Role: themes.Faint, Text: paint.Short(p.now.Sub(d.Plan.At))})
		})
	}
	return section(g, 2)
}

// counts is what a preflight found, in a line.
func counts(r *preflight.Report) string {
	c := r.Counts
	var out []string
	for _, x := range []struct {
		n    int
		word string
	}{{c.Fail, "fail"}, {c.Warn, "warn"}, {c.Unknown, "unknown"}, {c.Pass, "pass"}} {
		if x.n > 0 {
			out = append(out, strconv.Itoa(x.n)+" "+x.word)
		}
	}
	return strings.Join(out, ", ")
}

// resultMark is how an item of the preflight looks.
func resultMark(g *pane.Env, r preflight.Result) paint.Part {
	switch r {
	case preflight.Pass:
		return paint.Part{Role: themes.OK, Text: g.Glyphs.Done}
	case preflight.Warn:
		return paint.Part{Role: themes.Warn, Text: g.Glyphs.Warn}
	case preflight.Fail:
		return paint.Part{Role: themes.Crit, Text: g.Glyphs.Crit}
	}
	return paint.Part{Role: themes.Stale, Text: g.Glyphs.Unknown}
}

// worst are the results in the order in which they matter.
var worst = []preflight.Result{preflight.Fail, preflight.Warn, preflight.Unknown, preflight.Pass}

// checksSection is the last preflight in a few lines: what fails first.
func (p *Pane) checksSection(env *pane.Env, w int) stack.Section {
	s := p.snap()
	g := page.New(env, w)
	if s.Checked == nil {
		g.Heading("PREFLIGHT", paint.Part{Role: themes.Muted, Text: "not looked yet  "}, paint.Part{Role: themes.Accent, Text: "c"}, paint.Part{Role: themes.Muted, Text: " looks"})
		return section(g, 1)
	}
	r := s.Checked.Report
	g.Heading("PREFLIGHT", paint.Part{Role: themes.Muted, Text: counts(r) + "  " + paint.Ago(p.now, r.At)})
	for _, want := range worst[:2] {
		for i := range r.Items {
			if it := &r.Items[i]; it.Result == want {
				g.Text(themes.Plain, 3, resultMark(env, it.Result), it.Title, 1)
			}
		}
	}
	return section(g, 3)
}

// checksPage is the whole preflight, and the versions of tools.
func (p *Pane) checksPage(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	s := p.snap()
	if j := s.Job; j.Runs() && j.Kind == watch.JobCheck {
		g.Line(func(l *paint.Line) {
			l.Spinner(themes.Info, p.now.UnixMilli()/125, p.still).Gap(1).Text(themes.Plain, "Looking at the source, the image, the platform and the database").Text(themes.Muted, "  "+paint.Duration(p.now.Sub(j.Started).Truncate(time.Second)))
		})
	}
	c := s.Checked
	if c == nil {
		if j := s.Job; j != nil && !j.Runs() && j.Kind == watch.JobCheck && j.Err != nil {
			g.Text(themes.Plain, 3, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, j.Err.Error(), 6)
		}
		g.Text(themes.Muted, 3, paint.Part{}, "Nothing was found yet.", 1)
		return g
	}
	r := c.Report
	g.Line(func(l *paint.Line) {
		l.Text(themes.Strong, "Preflight").Text(themes.Plain, ": "+counts(r)+".")
		if r.Image != "" {
			l.Gap(2).Text(themes.Muted, tag(r.Image))
		}
		l.Right(paint.Part{Role: themes.Muted, Text: "looked " + paint.Ago(p.now, r.At)})
	})
	// What fails is not to be looked for.
	for _, want := range worst {
		title := map[preflight.Result]string{preflight.Fail: "FAILS", preflight.Warn: "WARNS", preflight.Unknown: "NOT KNOWN", preflight.Pass: "PASSES"}[want]
		first := true
		for i := range r.Items {
			it := &r.Items[i]
			if it.Result != want {
				continue
			}
			if first {
				g.Heading(title)
				first = false
			}
			p.checkItem(g, it)
		}
	}
	p.matrix(g, c.Matrix)
	return g
}

func (p *Pane) checkItem(g *page.Page, it *preflight.Item) {
	lead := resultMark(g.Env, it.Result)
	if it.Result == preflight.Pass {
		g.Line(func(l *paint.Line) {
			l.Gap(1).Parts(lead).Gap(1).Cell(themes.Plain, it.Title, min(44, max(l.Rest()/2, 0)), paint.Left).Gap(2).Text(themes.Muted, it.Why)
		})
		return
	}
	g.Text(themes.Strong, 3, lead, it.Title, 2)
	g.Text(themes.Plain, 5, paint.Part{}, it.Why, 4)
	g.Text(themes.Muted, 5, paint.Part{Role: themes.Accent, Text: g.Env.Glyphs.Right}, it.Mend, 3)
	for _, e := range it.Evidence[:min(len(it.Evidence), 4)] {
		at := cmp.Or(e.Path, strings.TrimSpace(e.Region+" "+e.Machine))
		if e.Path != "" && e.Line > 0 {
			at += ":" + strconv.Itoa(e.Line)
		}
		g.Line(func(l *paint.Line) { l.Gap(5).Text(themes.Faint, at).Gap(2).Text(themes.Muted, e.Text) })
	}
}

// matrix is which versions each place names.
func (p *Pane) matrix(g *page.Page, rows []versions.Row) {
	sources := versions.Sources(rows)
	if len(sources) == 0 {
		return
	}
	g.Heading("VERSIONS", paint.Part{Role: themes.Muted, Text: "as each place names them"})
	for i := range rows {
		r := &rows[i]
		mark, role := paint.Part{Role: themes.OK, Text: g.Env.Glyphs.Done}, themes.Muted
		switch r.Verdict {
		case versions.Differ, versions.Violated:
			mark, role = paint.Part{Role: themes.Crit, Text: g.Env.Glyphs.Crit}, themes.Plain
		case versions.Close:
			mark = paint.Part{Role: themes.Warn, Text: g.Env.Glyphs.Warn}
		case versions.Alone, versions.Silent:
			mark = paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown}
		}
		var said []string
		for _, pin := range r.Pins {
			said = append(said, pin.From+" "+pin.Version)
		}
		text := strings.Join(said, "   ")
		if text == "" {
			text = "nobody says"
		}
		if r.Why != "" {
			text += "   (" + r.Why + ")"
		}
		tool := string(r.Tool)
		lead := mark
		for k, s := range wrapAt(g, text, 16) {
			g.Line(func(l *paint.Line) {
				if k == 0 {
					l.Gap(1).Parts(lead).Gap(1).Cell(themes.Plain, tool, 12, paint.Left)
				}
				l.To(16).Text(role, s)
			})
		}
	}
}

// recordPage is what was done from this account.
func (p *Pane) recordPage(env *pane.Env, w int) *page.Page {
	s := p.snap()
	g := page.New(env, w)
	g.Heading("DONE FROM THIS ACCOUNT", paint.Part{Role: themes.Muted, Text: paint.Count(len(s.Acts), "act", "acts") + ", newest first"})
	for _, f := range s.Flaws {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Crit, Text: env.Glyphs.Crit}, "the record was tampered with or cut off: "+f, 2)
	}
	if s.LocalErr != nil {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}, s.LocalErr.Error(), 3)
	}
	if len(s.Acts) == 0 {
		g.Text(themes.Muted, 3, paint.Part{}, "Nothing was done yet that changes anything outside.", 1)
	}
	for i := range s.Acts {
		a := &s.Acts[i]
		g.Line(func(l *paint.Line) {
			mark := outcomeMark(env, a)
			l.Gap(1).Parts(mark).Gap(1).Cell(themes.Faint, paint.Clock(p.now, a.At), 12, paint.Left).Gap(1).Cell(mark.Role, string(a.Outcome), 9, paint.Left).Gap(1)
			l.Cell(themes.Strong, a.Action, 16, paint.Left).Gap(1).Cell(themes.Muted, a.User, min(22, max(l.Rest()/3, 0)), paint.Left).Gap(1).Text(themes.Plain, tag(a.Target))
			if a.Ended.After(a.At) {
				l.Right(paint.Part{Role: themes.Muted, Text: paint.Duration(a.Ended.Sub(a.At).Truncate(100 * time.Millisecond))})
			}
		})
		detail := a.Detail
		if d := p.unfinished(); a.Outcome == audit.Began && (d == nil || !d.Runs()) {
			detail = "nothing says how it ended: it was cut off"
		}
		g.Text(themes.Muted, 16, paint.Part{}, detail, 2)
	}
	return g
}

func outcomeMark(env *pane.Env, a *audit.Act) paint.Part {
	switch a.Outcome {
	case audit.Done:
		return paint.Part{Role: themes.OK, Text: env.Glyphs.Done}
	case audit.Failed:
		return paint.Part{Role: themes.Crit, Text: env.Glyphs.Crit}
	case audit.Began:
		return paint.Part{Role: themes.Info, Text: env.Glyphs.Queued}
	}
	return paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}
}

// line is a command, and a word for what it does.
type line struct{ what, text string }

// byHand are the commands that do the same without the console: this program's, and the platform's own.
func (p *Pane) byHand() []line {
	var out []line
	own := func(what, rest string) { out = append(out, line{what, p.command(rest)}) }
	app := quote(p.profile)
	if s := p.snap(); s == nil {
		return nil
	}
	if q := p.planned(); q != nil && p.scene() == scenePlan {
		own("the same without the console", planCommand(q.Plan))
		own("only the plan", planCommand(q.Plan)+" --plan")
	}
	d := p.current()
	if d != nil && d.Plan != nil && p.scene() == sceneDeployment {
		for _, c := range choices {
			if c.line != "" && offered(d, c.choice) {
				own(c.help, c.line)
			}
		}
		if d.Plan.From.Image != "" {
			out = append(out, line{"back by the platform's own tool: it runs the release command again, and puts nothing else back", "fly deploy --app " + app + " --image " + quote(d.Plan.From.Image) + " --strategy immediate"})
			if m := p.chosen(); m != nil {
				out = append(out, line{"one machine back", "fly machine update " + m.ID + " --app " + app + " --image " + quote(d.Plan.From.Image) + " --yes"})
				out = append(out, line{"its lease, where nobody holds it any more", "fly machine leases clear " + m.ID + " --app " + app})
			}
		}
	}
	if r := p.release(); r != nil && p.scene() == sceneReleases {
		if r.runs < r.of || r.runs == 0 {
			own("go back to "+r.version(), "rollback "+strconv.Itoa(r.Version))
		}
		own("deploy its image again", "deploy --image "+quote(r.Image))
		out = append(out, line{"by the platform's own tool: it runs the release command again", "fly deploy --app " + app + " --image " + quote(r.Image)})
	}
	out = append(out, line{"what runs", "fly machine list --app " + app})
	return out
}

// hatch is how it is done without the console.
func (p *Pane) hatch(env *pane.Env, w int) stack.Section {
	ll := p.byHand()
	if len(ll) == 0 {
		return stack.Section{}
	}
	g := page.New(env, w)
	g.Heading("ESCAPE HATCH", paint.Part{Role: themes.Accent, Text: "y"}, paint.Part{Role: themes.Muted, Text: " copies"})
	for _, x := range ll {
		g.Text(themes.Muted, 1, paint.Part{}, x.what, 2)
		g.Text(themes.String, 3, paint.Part{}, x.text, 3)
	}
	return section(g, 3)
}

// Copies are what else can be copied.
func (p *Pane) Copies() []pane.Copy {
	var out []pane.Copy
	for _, x := range p.byHand() {
		out = append(out, pane.Copy{What: x.what, Text: x.text})
	}
	d := p.current()
	if d == nil || p.scene() != sceneDeployment {
		return out
	}
	out = append(out, pane.Copy{What: "deployment id", Text: d.ID}, pane.Copy{What: "its journal", Text: d.Path})
	if why := cmp.Or(d.Progress.Reason, d.Progress.Back); why != "" {
		out = append(out, pane.Copy{What: "why", Text: why})
	}
	if d.Plan != nil {
		out = append(out, pane.Copy{What: "image", Text: d.Plan.Artifact.Image})
	}
	if m := p.chosen(); m != nil && m.Text != "" {
		out = append(out, pane.Copy{What: "what is wrong with the machine", Text: m.Text})
	}
	var log []string
	for i := range d.Events {
		e := &d.Events[i]
		if e.Kind != engine.EventWaiting {
			log = append(log, e.At.UTC().Format("15:04:05Z")+" "+p.eventText(e, true))
		}
	}
	return append(out, pane.Copy{What: fmt.Sprintf("the log, %d lines", len(log)), Text: strings.Join(log, "\n")})
}

// wrapAt breaks a text into lines that begin at x.
func wrapAt(g *page.Page, text string, x int) []string {
	return prose.Wrap(g.Env.Glyphs, text, g.W-x, 4)
}
