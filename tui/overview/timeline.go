package overview

import (
	"strconv"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// moment is one line of the timeline: a mark, or several of the same kind that nothing else came between.
type moment struct {
	health.Mark // the newest of them
	times       int
}

// moments folds what an instance did again and again: a crash loop is one exit and one start, not a screen of them.
func moments(marks []health.Mark) []moment {
	var out []moment
	run := 0 // where the marks of the same subject begin in out
	for _, m := range marks {
		if len(out) > 0 && out[len(out)-1].Subject != m.Subject {
			run = len(out)
		}
		at := -1
		for i := run; i < len(out); i++ {
			if out[i].Kind == m.Kind && out[i].Text == m.Text && m.Subject.Instance != "" {
				at = i
			}
		}
		if at >= 0 {
			out[at].times++
			continue
		}
		out = append(out, moment{m, 1})
	}
	return out
}

// timeline is what happened lately, newest first.
func (p *Pane) timeline(env *pane.Env) section {
	most := 1 + max(len(p.moments), 1)
	return section{least: min(most, 6), most: most, patient: true, draw: func(b *paint.Block, w, x, y int) {
		right := paint.Part{Role: themes.Muted, Text: "newest first"}
		if n := len(p.moments); n > b.Rest()-1 {
			right.Text = strconv.Itoa(b.Rest()-1) + of(n)
		}
		b.Line().Rule("TIMELINE", right)
		if len(p.moments) == 0 {
			b.Line().Text(themes.Muted, "nothing is known to have happened")
		}
		for _, m := range p.moments[:min(len(p.moments), b.Rest())] {
			p.drawMoment(env, b.Line(), m)
		}
	}}
}

func (p *Pane) drawMoment(env *pane.Env, l *paint.Line, m moment) {
	at := m.At.UTC().Format("15:04")
	if d := m.At.UTC().Format("01-02"); d != env.Now.UTC().Format("01-02") {
		at = d
	}
	mark := paint.Mark{Glyph: env.Glyphs.Dot, Role: themes.Muted}
	text := themes.Muted
	switch {
	case wrong(m.Level) || m.Level == health.LevelUnknown:
		mark, text = paint.Level(env.Glyphs, m.Level), themes.Plain
	case m.Kind == "release":
		mark, text = paint.Mark{Glyph: env.Glyphs.Up, Role: themes.Info}, themes.Plain
	}
	l.Text(themes.Faint, at).Gap(1).Text(mark.Role, mark.Glyph).Gap(1)
	if subject := p.names.Subject(m.Subject, ""); subject != "" {
		l.Max(themes.Muted, subject, max(l.Width()/3, 10)).Gap(1)
	}
	if m.times == 1 {
		l.Text(text, m.Text)
		return
	}
	times := strconv.Itoa(m.times) + " times"
	l.Max(text, m.Text, l.Rest()-len(times)-2)
	l.Right(paint.Part{Role: themes.Muted, Text: times})
}
