package deploy

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/deploy/watch"
	"ops-console/ops/logs"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
	"ops-console/tui/stack"
)

// machineLog is what machines say, as far as it is known.
type machineLog struct {
	known bool // it is followed
	state logs.State
	lines logs.View
}

func (l *machineLog) take(m pane.LogsMsg) {
	*l = machineLog{known: m.Known}
	if s := m.Snapshot.Value; s != nil {
		l.state, l.lines = s.State, s.Lines
	}
}

// AttendsLogs says that what machines say is wanted: while a deployment is shown that has not ended.
func (p *Pane) AttendsLogs() bool {
	d := p.current()
	return p.scene() == sceneDeployment && d != nil && !d.Over()
}

// mostSaid is how many lines of a machine are shown beside others.
const mostSaid = 9

// said is what the machine under the cursor says: the one that changes now, as long as its user does not look at another.
func (p *Pane) said(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	m := p.chosen()
	if m == nil || !p.logs.known || d.Over() {
		return stack.Section{}
	}
	ll := p.logs.lines.Tail(logs.Filter{Machine: m.ID}, mostSaid)
	g := page.New(env, w)
	for _, l := range ll {
		saidLines(g, l)
	}
	return stack.Section{Least: 3, Most: 1 + max(min(g.Len(), mostSaid), 1), Draw: func(b *paint.Block, _, _, _ int) {
		b.Line().Rule(p.names.Short(m.ID)+" "+m.Region, p.saidBy(env))
		if len(ll) == 0 {
			b.Line().Gap(1).Text(themes.Muted, p.silence())
			return
		}
		b.Append(g.View(max(g.Len()-b.Rest(), 0), b.Rest())...)
	}}
}

// saidBy is whether lines come as they are written.
func (p *Pane) saidBy(env *pane.Env) paint.Part {
	switch p.logs.state.Source {
	case logs.Live:
		return paint.Part{Role: themes.Muted, Text: "following"}
	case logs.Polled:
		return paint.Part{Role: themes.Muted, Text: "polling"}
	case logs.NoSource:
	}
	if p.logs.state.LiveFailure != nil || p.logs.state.PollFailure != nil {
		return paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown + " cut off"}
	}
	return paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown + " connecting"}
}

// silence says why there is no line of a machine.
func (p *Pane) silence() string {
	switch {
	case !p.logs.state.Primed:
		return "its log is being asked for"
	case p.logs.state.Source == logs.NoSource:
		return "its log is not known; pane 8 says why"
	}
	return "it said nothing lately"
}

// saidLines is a line in the room that there is: two lines for what the platform says of the machine and for what is wrong,
// of which the end matters, one for the rest.
func saidLines(g *page.Page, x *logs.Line) {
	mark, most := paint.Part{Role: themes.Plain, Text: " "}, 1
	switch x.Level {
	case logs.Error:
		mark, most = paint.Part{Role: themes.Crit, Text: g.Env.Glyphs.Crit}, 2
	case logs.Warn:
		mark, most = paint.Part{Role: themes.Warn, Text: g.Env.Glyphs.Warn}, 2
	case logs.NoLevel, logs.Debug, logs.Info:
	}
	if x.Provider != logs.App {
		most = 2
	}
	const textX = 11
	for i, text := range prose.Wrap(g.Env.Glyphs, unlevelled(x.Brief()), g.W-textX, most) {
		g.Line(func(l *paint.Line) {
			if i == 0 {
				l.Text(themes.Faint, x.At.UTC().Format("15:04:05")).Gap(1).Parts(mark)
			}
			l.To(textX).Text(themes.Plain, text)
		})
	}
}

// unlevelled is a message without the level that it begins with: there is little room, and the glyph says the same.
func unlevelled(message string) string {
	head, rest, found := strings.Cut(message, "] ")
	name, bracket := strings.CutPrefix(head, "[")
	if _, err := logs.ParseLevel(name); found && bracket && err == nil {
		return rest
	}
	return message
}

// saidPage adds what a machine says to its detail.
func (p *Pane) saidPage(g *page.Page, id string) {
	if !p.logs.known {
		return
	}
	g.Heading("SAYS", p.saidBy(g.Env), paint.Part{Text: "  "}, paint.Part{Role: themes.Accent, Text: g.Env.Glyphs.Enter}, paint.Part{Role: themes.Muted, Text: " all of it"})
	ll := p.logs.lines.Tail(logs.Filter{Machine: id}, 2*mostSaid)
	if len(ll) == 0 {
		g.Text(themes.Muted, 3, paint.Part{}, p.silence(), 2)
	}
	for _, x := range ll {
		saidLines(g, x)
	}
}

// openLog goes to all that the machine under the cursor says.
func (p *Pane) openLog() tea.Cmd {
	m := p.chosen()
	if m == nil {
		return nil
	}
	to := ident.To("logs", "machine", m.ID)
	return func() tea.Msg { return pane.OpenMsg{Address: to} }
}

// logAction is openLog on a key of its own.
func (p *Pane) logAction() action.Action {
	a := action.Action{
		Name: "log", Help: "machine log", About: "show all that the machine under the cursor says", Keys: []string{"l"},
		Run: func(string) tea.Cmd { return p.openLog() },
	}
	if p.scene() != sceneDeployment || p.chosen() == nil {
		a.Disabled, a.Hidden = "no machine is selected", true
	}
	return a
}
