package backups

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/backup/watch"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// remembered is how long a job that went well is shown after it ended.
const remembered = 15 * time.Minute

// ended says that a job came to its end between two snapshots.
func ended(before, now *watch.Job) tea.Cmd {
	if !before.Runs() || now == nil || now.Runs() || !now.Started.Equal(before.Started) {
		return nil
	}
	msg := pane.ToastMsg{Text: now.Title + ": " + cmp.Or(now.Outcome, "done")}
	if now.Stopping && now.Err != nil {
		msg.Text = now.Title + ": cancelled"
	}
	if now.Err != nil && !now.Stopping {
		msg = pane.ToastMsg{Err: errors.New(now.Title + ": " + now.Err.Error())}
	}
	return func() tea.Msg { return msg }
}

// jobSection is the job that runs, or what came of the last one as long as that is news and not said otherwise.
func (p *Pane) jobSection(env *pane.Env, w int) stack.Section {
	j := p.job()
	switch {
	case j == nil:
		return stack.Section{}
	case j.Runs() || p.feed.Value.Restored != nil:
	case (j.Err == nil || j.Stopping) && p.now.Sub(j.Ended) > remembered, j.Err != nil && j.Kind == watch.Take && p.noted(j):
		return stack.Section{}
	}
	g := page.New(env, w)
	p.jobPage(g, j, 8)
	least := 3
	if j.Runs() {
		least = 5 // with the table that is read, or that nothing moves
	}
	s := section(g, least)
	s.Patient = true
	return s
}

// noted says that the store has a note of the run, which is among the problems then.
func (p *Pane) noted(j *watch.Job) bool {
	ff := p.feed.Value.Listing.Failures
	return len(ff) > 0 && !ff[0].ID.Time().Before(j.Started.Truncate(time.Millisecond))
}

// jobPage is a job, with at most so many of its tables.
func (p *Pane) jobPage(g *page.Page, j *watch.Job, tables int) {
	if !j.Runs() {
		p.outcome(g, j)
		return
	}
	if j.Stopping {
		g.Heading("BEING CANCELLED", paint.Part{Role: themes.Muted, Text: paint.Duration(p.now.Sub(j.Started).Truncate(time.Second))})
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Info, Text: g.Env.Glyphs.Running[0]}, j.Title+": what it began is taken back, which may take a minute where the store does not answer", 3)
		return
	}
	g.Heading("RUNNING", paint.Part{Role: themes.Muted, Text: paint.Duration(p.now.Sub(j.Started).Truncate(time.Second)) + "  "},
		paint.Part{Role: themes.Accent, Text: "x"}, paint.Part{Role: themes.Muted, Text: " cancels"})
	g.Line(func(l *paint.Line) {
		l.Gap(1).Spinner(themes.Info, p.now.UnixMilli()/125, p.still).Gap(1).Max(themes.Strong, j.Title, max(l.Rest()/2, 20)).Gap(2)
		l.Text(themes.Plain, j.Step)
		if j.Text != "" {
			l.Gap(2).Text(themes.Muted, j.Text)
		}
	})
	g.Line(func(l *paint.Line) {
		said := progress(j)
		cells := max(min(l.Rest()-3-paint.Width(said, l.Glyphs)-2, 60), 0)
		f, ok := j.Fraction()
		if !ok {
			cells = 0
		}
		l.Gap(3)
		if cells > 0 {
			l.Bar(themes.Info, themes.Border, f, cells).Gap(2)
		}
		l.Text(themes.Plain, said)
	})
	if idle := p.now.Sub(j.Moved); !j.Moved.IsZero() && idle > patience {
		g.Text(themes.Warn, 5, paint.Part{Role: themes.Warn, Text: g.Env.Glyphs.Warn},
			"Nothing has moved for "+paint.Duration(idle.Truncate(time.Second))+": the network, the database or the store may be away. x gives it up.", 2)
	}
	p.tables(g, j.Tables, tables)
}

// patience is how long a job may stand still before that is said.
const patience = 20 * time.Second

// progress is how far a job is, in figures.
func progress(j *watch.Job) string {
	var out []string
	if f, ok := j.Fraction(); ok {
		out = append(out, strconv.Itoa(int(100*f))+" %")
	} else {
		out = append(out, "how long it takes is not known")
	}
	if j.Rate > 0 {
		out = append(out, paint.Bytes(int64(min(j.Rate, 1e18)))+"/s")
	}
	if j.ETA > 0 {
		out = append(out, paint.Duration(j.ETA.Round(time.Second))+" left")
	}
	return strings.Join(out, "  ")
}

// tables are those of a dump: the one that is read, then those that wait, the largest first, then those that are done.
func (p *Pane) tables(g *page.Page, tt []watch.Table, n int) {
	if len(tt) == 0 {
		return
	}
	order := map[watch.State]int{watch.Running: 0, watch.Waiting: 1, watch.Finished: 2}
	tt = slices.Clone(tt)
	slices.SortStableFunc(tt, func(a, b watch.Table) int {
		return cmp.Or(cmp.Compare(order[a.State], order[b.State]), cmp.Compare(max(b.Total, b.Done), max(a.Total, a.Done)))
	})
	finished := 0
	for i := range tt {
		if tt[i].State == watch.Finished {
			finished++
		}
	}
	if finished == len(tt) { // what goes on now is not about them
		g.Line(func(l *paint.Line) {
			l.Gap(3).Text(themes.OK, l.Glyphs.Done).Gap(1).Text(themes.Muted, "all of "+paint.Count(len(tt), "table", "tables")+" is read")
		})
		return
	}
	name := 0
	for _, t := range tt[:min(n, len(tt))] {
		name = max(name, paint.Width(t.Name, p.glyphs))
	}
	name = min(name, max(g.W/3, 12))
	for _, t := range tt[:min(n, len(tt))] {
		g.Line(func(l *paint.Line) { p.tableLine(l, t, name) })
	}
	if rest := len(tt) - n; rest > 0 {
		g.Line(func(l *paint.Line) {
			l.Gap(5).Text(themes.Faint, "and "+paint.Count(rest, "more table", "more tables")+"; "+strconv.Itoa(finished)+" of "+strconv.Itoa(len(tt))+" are done")
		})
	}
}

func (p *Pane) tableLine(l *paint.Line, t watch.Table, name int) {
	mark, role := paint.Part{Role: themes.Pending, Text: l.Glyphs.Queued}, themes.Muted
	switch t.State {
	case watch.Running:
		mark, role = paint.Part{Role: themes.Info, Text: l.Glyphs.Right}, themes.Plain
	case watch.Finished:
		mark = paint.Part{Role: themes.OK, Text: l.Glyphs.Done}
	}
	l.Gap(3).Parts(mark).Gap(1).Cell(role, t.Name, name, paint.Left).Gap(2)
	f, said := 0.0, paint.Bytes(t.Done)
	switch {
	case t.State == watch.Finished:
		f = 1
	case t.Total > 0:
		// What was expected is a guess: one that turns out larger is not done before it is.
		f = min(float64(t.Done)/float64(t.Total), 0.99)
		said += " of about " + paint.Bytes(max(t.Total, t.Done))
	}
	l.Bar(mark.Role, themes.Border, f, max(min(l.Rest()-26, 40), 0)).Gap(2).Text(themes.Muted, said)
}

// outcome is what came of a job.
func (p *Pane) outcome(g *page.Page, j *watch.Job) {
	g.Heading("LAST JOB", paint.Part{Role: themes.Muted, Text: paint.Ago(p.now, j.Ended) + ", took " + paint.Duration(j.Ended.Sub(j.Started))})
	switch {
	case j.Err != nil && j.Stopping:
		g.Text(themes.Muted, 3, paint.Part{Role: themes.Muted, Text: g.Env.Glyphs.Stopped}, j.Title+": "+j.Err.Error(), 3)
	case j.Err != nil:
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Crit, Text: g.Env.Glyphs.Crit}, j.Title+": "+j.Err.Error(), 6)
		if j.Outcome != "" {
			g.Text(themes.Muted, 3, paint.Part{}, j.Outcome, 2)
		}
	default:
		g.Text(themes.Plain, 3, paint.Part{Role: themes.OK, Text: g.Env.Glyphs.Done}, j.Title+": "+cmp.Or(j.Outcome, "done"), 4)
	}
	if r := p.feed.Value.Restored; r != nil {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Accent, Text: "S"}, "puts "+r.Database+" in the place of "+r.Original+", once you have seen that it is what you want. Until then nothing has changed for the application.", 3)
	}
}
