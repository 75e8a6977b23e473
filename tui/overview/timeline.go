package overview

import (
	"strconv"
	"time"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// moment is one line of the timeline: a mark, or several of the same kind that nothing else came between.
type moment struct {
	health.Mark // the newest of them
	times       int
	machines    map[string]bool
}

// together is how far apart the steps of one rollout may be to be told as one.
const together = 10 * time.Minute

// moments folds what happened again and again. A crash loop is one exit and one start, and a rollout is one start and
// one update of many machines: neither is a screen of them.
func moments(marks []health.Mark) []moment {
	var out []moment
	for _, m := range marks {
		if at := alike(out, m); at >= 0 {
			out[at].times++
			out[at].machines[m.Subject.Instance] = true
			continue
		}
		out = append(out, moment{m, 1, map[string]bool{m.Subject.Instance: true}})
	}
	return out
}

// alike is the line that a mark belongs to: of the same instance, or of any where both are uneventful. Only such marks
// may have come between. It is -1 where there is none.
func alike(out []moment, m health.Mark) int {
	if m.Subject.Instance == "" {
		return -1
	}
	const far = 32
	for i := len(out) - 1; i >= max(len(out)-far, 0); i-- {
		e := out[i]
		same := e.Subject == m.Subject && len(e.machines) == 1
		if !same && !(uneventful(e.Mark) && uneventful(m) && e.At.Sub(m.At) < together) {
			return -1
		}
		if e.Kind == m.Kind && e.Text == m.Text {
			return i
		}
	}
	return -1
}

// uneventful is a step of what machines do all the time.
func uneventful(m health.Mark) bool {
	return (m.Kind == "start" || m.Kind == "update") && !wrong(m.Level) && m.Level != health.LevelUnknown
}

// timeline is what happened lately, newest first.
func (p *Pane) timeline(env *pane.Env) stack.Section {
	most := 1 + max(len(p.moments), 1)
	return stack.Section{Least: min(most, 6), Most: most, Patient: true, Draw: func(b *paint.Block, w, x, y int) {
		right := paint.Part{Role: themes.Muted, Text: "newest first"}
		if n := len(p.moments); n > b.Rest()-1 {
			right.Text = strconv.Itoa(b.Rest()-1) + of(n)
		}
		b.Line().Rule("TIMELINE", right)
		if len(p.moments) == 0 {
			text := "nothing is known to have happened"
			if p.feed.Value.Sources.Platform.GoodAt.IsZero() {
				text = env.Glyphs.Unknown + " not known: the platform was never read"
			}
			b.Line().Text(themes.Muted, text)
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
	if n := len(m.machines); n > 1 {
		l.Text(text, strconv.Itoa(n)+" machines: "+m.Text)
		return
	}
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
