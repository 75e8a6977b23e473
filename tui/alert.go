package tui

import (
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// tally counts problems.
type tally struct {
	critical, warning, unknown int
	first                      *ops.Problem // what needs a human most
}

func (t tally) total() int { return t.critical + t.warning + t.unknown }

// sum joins the problems of all that is shown in one order.
func (m *Model) sum() {
	m.problems = nil
	if s := m.health.shown.Value; s != nil {
		m.problems = append(m.problems, s.Problems...)
	}
	if s := m.replicas.shown.Value; s != nil {
		m.problems = append(m.problems, s.Problems...)
	}
	if s := m.backups.shown.Value; s != nil {
		m.problems = append(m.problems, s.Problems...)
	}
	if s := m.deploys.shown.Value; s != nil {
		m.problems = append(m.problems, s.Problems...)
	}
	ops.SortProblems(m.problems)
}

// worst counts the problems of what is shown.
func (m *Model) worst() tally {
	var t tally
	for i := range m.problems {
		switch m.problems[i].Severity {
		case ops.Critical:
			t.critical++
		case ops.Warning:
			t.warning++
		default:
			t.unknown++
		}
	}
	if len(m.problems) > 0 {
		t.first = &m.problems[0]
	}
	return t
}

// alertRow is the one row that is never left out: what is most wrong, and since when; a thin rule where nothing is.
// What keeps the console from knowing comes before what it knows.
func (m *Model) alertRow(l *paint.Line, env *pane.Env) string {
	switch {
	case m.conn.session == nil && m.o.Connect != nil:
		m.connectAlert(l, env)
	case m.netKnown && (m.net.State == wg.StateDead || m.net.State == wg.StateDNSDown || m.net.State == wg.StateClosed):
		m.networkAlert(l, env)
	case m.health.shown.Seq == 0:
		l.Text(themes.Info, l.Glyphs.Gutter).Text(themes.Muted, " reading the instances for the first time")
	case m.health.shown.Err != nil:
		m.readingAlert(l, env)
	case m.worst().total() > 0:
		m.problemAlert(l, env)
	case m.health.shown.Value != nil && m.health.shown.Value.Verdict == health.NotKnown:
		m.silenceAlert(l)
	default:
		l.Repeat(themes.Border, l.Glyphs.Rule, m.w)
	}
	return l.String()
}

func (m *Model) connectAlert(l *paint.Line, env *pane.Env) {
	if m.conn.err == nil {
		l.Text(themes.Info, l.Glyphs.Gutter).Text(themes.Muted, " connecting")
		return
	}
	l.Text(themes.Crit, l.Glyphs.Gutter+" not connected")
	l.Text(themes.Muted, ageOf(env.Now, m.conn.since)+"   ")
	next := paint.Part{Role: themes.Muted, Text: "trying now "}
	if !m.conn.trying {
		next.Text = "again in " + paint.Duration(max(m.conn.next.Sub(m.o.Now()), 0).Truncate(time.Second)) + "  " + m.keyOf("refresh", "r") + " now "
	}
	l.Max(themes.Plain, m.conn.err.Error(), l.Rest()-paint.Width(next.Text, l.Glyphs)-2).Right(next)
}

func (m *Model) networkAlert(l *paint.Line, env *pane.Env) {
	word := " network down"
	if m.net.State == wg.StateDNSDown {
		word = " network without DNS"
	}
	l.Text(themes.Crit, l.Glyphs.Gutter+word).Text(themes.Muted, ageOf(env.Now, m.net.Since))
	if m.net.Cause != "" {
		l.Gap(3).Text(themes.Plain, m.net.Cause)
	}
	if m.net.Advice != "" {
		l.Gap(3).Text(themes.Muted, m.net.Advice)
	}
}

func (m *Model) readingAlert(l *paint.Line, env *pane.Env) {
	l.Text(themes.Stale, l.Glyphs.Gutter+" the last reading failed").Gap(3)
	old := paint.Part{Role: themes.Stale, Text: "shown: " + paint.Old(env.Now, m.health.shown.GoodAt) + " "}
	l.Max(themes.Plain, m.health.shown.Err.Error(), l.Rest()-paint.Width(old.Text, l.Glyphs)-2).Right(old)
}

// silenceAlert says who has not answered, before that has held long enough to be a problem: nothing being known to be
// wrong is not the same as nothing being wrong.
func (m *Model) silenceAlert(l *paint.Line) {
	var silent []string
	src := m.health.shown.Value.Sources
	for _, s := range []struct {
		name string
		health.Source
	}{{"platform", src.Platform}, {"DNS", src.DNS}, {"probes", src.Probes}} {
		if !s.OK {
			silent = append(silent, s.name)
		}
	}
	text := " not everything is known"
	if len(silent) > 0 {
		text += ": no answer yet from " + strings.Join(silent, ", ")
	}
	l.Text(themes.Stale, l.Glyphs.Gutter).Text(themes.Muted, text)
}

func (m *Model) problemAlert(l *paint.Line, env *pane.Env) {
	t := m.worst()
	mark := paint.Severity(l.Glyphs, t.first.Severity)
	l.Text(mark.Role, l.Glyphs.Gutter).Gap(1)
	some := false
	count := func(n int, role themes.Role, word string) {
		if n == 0 {
			return
		}
		if some {
			l.Gap(1).Text(themes.Faint, l.Glyphs.Dot).Gap(1)
		}
		l.Text(role, strconv.Itoa(n)+" "+word)
		some = true
	}
	count(t.critical, themes.Crit, "critical")
	count(t.warning, themes.Warn, "warning")
	count(t.unknown, themes.Stale, "unknown")
	p := t.first
	age := paint.Part{Text: " "}
	if !p.Since.IsZero() {
		age = paint.Part{Role: themes.Muted, Text: "since " + paint.Clock(env.Now, p.Since) + " (" + paint.Duration(env.Now.Sub(p.Since)) + ") "}
		if m.w < roomy {
			age.Text = paint.Duration(env.Now.Sub(p.Since)) + " "
		}
	}
	l.Gap(3).Max(themes.Strong, p.Subject.Region, 8)
	if p.Subject.Region != "" {
		l.Gap(1)
	}
	room := l.Rest() - paint.Width(age.Text, l.Glyphs) - 1
	if room > 0 {
		from := l.X()
		l.Max(themes.Plain, p.Title, room)
		if left := room - (l.X() - from) - 3; p.Detail != "" && left > 10 {
			l.Gap(3).Max(themes.Muted, p.Detail, left)
		}
	}
	l.Right(age)
}

func ageOf(now, since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return " for " + paint.Duration(now.Sub(since).Truncate(time.Second))
}

// commandLine is the line after ":", with what it could become.
func (m *Model) commandLine(l *paint.Line) string {
	l.Gap(1).Text(themes.Accent, ": ")
	cc := action.Complete(m.actions(), m.line.Text(), 8)
	ghost := ""
	if len(cc) > 0 && m.line.Text() != "" {
		ghost = cc[0]
	}
	m.line.Draw(l, max(l.Rest()/2, 24), ghost)
	for _, c := range cc {
		if paint.Width(c, l.Glyphs)+2 > l.Rest() {
			break
		}
		l.Gap(2).Text(themes.Faint, c)
	}
	return l.String()
}
