package tui

import (
	"fmt"
	"strconv"
	"time"

	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// Below roomy the rows of the frame say the same in fewer words; below medium there is room for one tab only.
const (
	roomy  = 120
	medium = 80
)

// identity is the top row: what this is, how it is reached, what runs there, and what may be done.
func (m *Model) identity(l *paint.Line, env *pane.Env) string {
	long := m.w >= roomy
	gap := 2
	if long {
		gap = 3
	}
	l.On(themes.Raised).Gap(1).Text(themes.Accent, l.Glyphs.Brand).Gap(1)
	l.Max(themes.Strong, m.o.App, m.w/4)
	if m.o.Environment != "" {
		sep := "/"
		if long {
			sep = " / "
		}
		l.Text(themes.Muted, sep).Max(themes.Strong, m.o.Environment, m.w/6)
	}
	m.networkChip(l.Gap(gap), env, long)
	m.releaseChip(l, env, long, gap)
	l.Right(m.rightChips(env, long)...)
	return l.String()
}

func (m *Model) networkChip(l *paint.Line, env *pane.Env, long bool) {
	g := l.Glyphs
	l.Text(themes.Muted, "wg ")
	if !m.netKnown {
		l.Text(themes.Pending, g.Unknown)
		if long {
			word := " joining"
			if m.conn.session != nil {
				word = " not joined"
			} else if !m.conn.trying {
				word = " not connected"
			}
			l.Text(themes.Muted, word)
		}
		return
	}
	s := m.net
	word, shape, role := "", g.OK, themes.OK
	switch s.State {
	case wg.StateUp:
		if s.RTT > 0 {
			word = paint.Latency(s.RTT)
		} else if s.Kind == wg.KindDirect {
			word = "direct"
		}
	case wg.StateConnecting:
		shape, role, word = g.Unknown, themes.Pending, "joining"
	case wg.StateSuspect:
		shape, role, word = g.Warn, themes.Warn, "no answer"
	case wg.StateDNSDown:
		shape, role, word = g.Warn, themes.Warn, "no DNS "+since(env.Now, s.Since)
	default:
		shape, role, word = g.Crit, themes.Crit, string(s.State)+" "+since(env.Now, s.Since)
	}
	l.Text(role, shape)
	if word != "" && (long || s.State != wg.StateUp) {
		l.Gap(1).Text(themes.Muted, word)
	}
}

func since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return paint.Short(now.Sub(t))
}

func (m *Model) releaseChip(l *paint.Line, env *pane.Env, long bool, gap int) {
	s := m.health.shown.Value
	if s == nil {
		return
	}
	primary, release := "pri ", "rel "
	if long {
		primary, release = "primary ", "release "
	}
	if s.PrimaryRegion != "" {
		l.Gap(gap).Text(themes.Muted, primary).Max(themes.Plain, s.PrimaryRegion, 8)
	}
	if len(s.Releases) > 0 {
		r := s.Releases[0]
		l.Gap(gap).Text(themes.Muted, release).Text(themes.Plain, "v"+strconv.Itoa(r.Version))
		if long && !r.At.IsZero() {
			l.Gap(1).Text(themes.Muted, paint.Short(env.Now.Sub(r.At))+" ago")
		}
	}
}

// rightChips are the mode, how old the picture is, and the clock. What comes first is left out first.
func (m *Model) rightChips(env *pane.Env, long bool) []paint.Part {
	var out []paint.Part
	if p := m.ageChip(env, long); p.Text != "" {
		out = append(out, p, paint.Part{Role: themes.Muted, Text: "  "})
	}
	mode, armed := m.armedChip()
	switch {
	case armed:
	case long:
		mode = paint.Part{Role: themes.Muted, Text: "read-only"}
	default:
		mode = paint.Part{Role: themes.Muted, Text: "ro"}
	}
	clock := paint.Part{Role: themes.Plain, Text: m.o.Now().UTC().Format("15:04:05Z") + " "}
	return append(out, mode, paint.Part{Role: themes.Muted, Text: "  "}, clock)
}

// armedChip is how long the console stays armed; false: it is not.
func (m *Model) armedChip() (paint.Part, bool) {
	left := m.arm.left(m.o.Now())
	if left == 0 {
		return paint.Part{}, false
	}
	s := int((left + time.Second - 1) / time.Second)
	return paint.Part{Role: themes.Prod, Text: fmt.Sprintf(" ARMED %d:%02d ", s/60, s%60)}, true
}

// frozenChip is how long the picture has been held; false: it is not.
func (m *Model) frozenChip() (paint.Part, bool) {
	if m.frozen == nil {
		return paint.Part{}, false
	}
	return paint.Part{Role: themes.Warn, Text: "FROZEN " + paint.Duration(m.o.Now().Sub(m.frozen.at).Truncate(time.Second))}, true
}

// zoomedMode is what nobody may overlook, for the last row while the first one is not there.
func (m *Model) zoomedMode() []paint.Part {
	if !m.zoom {
		return nil
	}
	var out []paint.Part
	if p, ok := m.frozenChip(); ok {
		out = append(out, p, paint.Part{Text: " "})
	}
	if p, ok := m.armedChip(); ok {
		out = append(out, p, paint.Part{Text: " "})
	}
	return out
}

// ageChip says how often is read; once two readings are overdue, how old the picture is.
func (m *Model) ageChip(env *pane.Env, long bool) paint.Part {
	s := m.health.shown
	if p, ok := m.frozenChip(); ok {
		return p
	}
	if s.Seq > 0 && !s.GoodAt.IsZero() {
		age := env.Now.Sub(s.GoodAt)
		switch late := max(m.o.Interval, time.Second); {
		case age > 10*late:
			return paint.Part{Role: themes.Stale, Text: "stale, " + paint.Old(env.Now, s.GoodAt)}
		case age > 3*late:
			return paint.Part{Role: themes.Stale, Text: paint.Old(env.Now, s.GoodAt)}
		}
	}
	if m.o.Interval > 0 && long {
		return paint.Part{Role: themes.Muted, Text: "every " + paint.Duration(m.o.Interval)}
	}
	return paint.Part{}
}

// tabRow is the row of panes, with the number of things in each that need attention.
func (m *Model) tabRow(l *paint.Line) string {
	if m.w < medium {
		return m.oneTab(l)
	}
	l.Gap(1)
	for i, p := range m.panes {
		name := p.Name()
		if m.w < roomy {
			name = p.Short()
		}
		from := l.X()
		role, number := themes.Muted, themes.Faint
		if i == m.at {
			role, number = themes.Active, themes.Active
		}
		l.Text(number, " "+strconv.Itoa(i+1)+" ").Text(role, name)
		if n := p.Badge(); n > 0 {
			badge := themes.Warn
			if i == m.at {
				badge = themes.Active
			}
			l.Text(role, " ").Text(badge, strconv.Itoa(n))
		}
		l.Text(role, " ")
		m.frame.tabs = append(m.frame.tabs, tab{i, from, l.X() - from})
		if m.w >= roomy {
			l.Gap(1)
		}
	}
	return l.String()
}

func (m *Model) oneTab(l *paint.Line) string {
	p := m.pane()
	if p == nil {
		return l.String()
	}
	l.Gap(1).Text(themes.Muted, l.Glyphs.TabL).Text(themes.Active, " "+strconv.Itoa(m.at+1)+" "+p.Short()+" ").Text(themes.Muted, l.Glyphs.TabR)
	for i, other := range m.panes {
		if n := other.Badge(); n > 0 && i != m.at {
			l.Gap(2).Text(themes.Muted, strconv.Itoa(i+1)+" ").Text(themes.Warn, strconv.Itoa(n))
		}
	}
	return l.String()
}

// bottom is the last row: what is being typed, else what the console has to say, else the keys.
func (m *Model) bottom(l *paint.Line) string {
	switch {
	case m.typing == typingFilter:
		return m.filterLine(l)
	case m.typing == typingCommand:
		return m.commandLine(l)
	case m.toast.text != "":
		role, mark := themes.Info, l.Glyphs.Done
		if m.toast.err {
			role, mark = themes.Crit, l.Glyphs.Crit
		}
		l.Gap(1).Text(role, mark).Gap(1)
		if m.toast.err {
			hint := paint.Part{Role: themes.Faint, Text: "  any key"}
			l.Max(themes.Plain, m.toast.text, l.Rest()-paint.Width(hint.Text, l.Glyphs)-2)
			return l.Right(hint, paint.Part{Role: themes.Faint, Text: " "}).String()
		}
		return l.Text(themes.Plain, m.toast.text).String()
	}
	return m.helpLine(l)
}

func (m *Model) filterLine(l *paint.Line) string {
	f := m.filters[m.at]
	count := strconv.Itoa(f.n) + "/" + strconv.Itoa(f.total)
	role := themes.Muted
	if f.n == 0 && f.total > 0 {
		role = themes.Warn
	}
	l.Gap(1).Text(themes.Accent, "/ ")
	m.line.Draw(l, l.Rest()-len(count)-34, "")
	return l.Right(paint.Part{Role: themes.Faint, Text: "!not ~fuzzy re.*  "}, paint.Part{Role: role, Text: count}, paint.Part{Role: themes.Faint, Text: " "}).String()
}

func (m *Model) helpLine(l *paint.Line) string {
	l.Gap(1)
	if m.pane() != nil {
		if f := m.filters[m.at]; f.text != "" {
			l.Text(themes.Accent, "/ ").Max(themes.Plain, f.text, 20).Gap(1).Text(themes.Muted, strconv.Itoa(f.n)+"/"+strconv.Itoa(f.total)).Gap(2)
			l.Key("esc", "clear").Gap(2)
		}
	}
	last := []struct{ key, help string }{{m.keyOf("help", "?"), "help"}, {m.keyOf("quit", "q"), "quit"}}
	mode := m.zoomedMode()
	keep := 0
	for _, p := range mode {
		keep += paint.Width(p.Text, l.Glyphs)
	}
	for _, k := range last {
		keep += len(k.key) + len(k.help) + 3
	}
	for _, a := range helpRow(m.actions()) {
		if a.Name == "help" || a.Name == "quit" {
			continue
		}
		key := keyText(a.Keys[0])
		switch key {
		case "enter":
			key = l.Glyphs.Enter
		case "left":
			key = l.Glyphs.Left
		}
		if paint.Width(key, l.Glyphs)+len(a.Help)+3+keep > l.Rest() {
			break
		}
		l.Key(key, a.Help).Gap(2)
	}
	for _, k := range last {
		l.Key(k.key, k.help).Gap(2)
	}
	return l.Right(mode...).String()
}
