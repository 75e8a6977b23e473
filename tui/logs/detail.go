package logs

import (
	"strconv"
	"time"

	"ops-console/ops/logs"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// detailLines is the line under the cursor in full, in h lines.
func (p *Pane) detailLines(env *pane.Env, l *logs.Line, w, h int) []string {
	if at := p.rows[p.cursor]; p.detailOf != at {
		p.detailOf, p.detail = at, page.Scroll{}
	}
	return p.detail.Draw(p.detailPage(env, l, w), h)
}

// mostLines is how many lines of the screen a message is broken into: more than the longest has.
const mostLines = logs.MaxMessage

// detailPage is all that is known of a line: what it says first.
func (p *Pane) detailPage(env *pane.Env, l *logs.Line, w int) *page.Page {
	g := page.New(env, w)
	m := mark(env.Glyphs, l.Level)
	right := []paint.Part{{Role: m.Role, Text: m.Glyph + " " + m.Word}}
	if m.Word == "" {
		right = []paint.Part{{Role: themes.Muted, Text: "no level"}}
	}
	g.Heading("LINE", right...)
	for _, s := range broken(l.Message, w-4, mostLines, env.Glyphs) {
		g.Line(func(out *paint.Line) { p.message(out.Gap(2), l, s, false) })
	}
	g.Line(func(*paint.Line) {})
	at := l.At.UTC().Format("2006-01-02 15:04:05.000Z")
	age := paint.Ago(env.Now, l.At)
	if l.Unstamped {
		at += ", when it came: it had no time of its own"
	} else if d := l.Received.Sub(l.At); d >= late && l.Host != "" { // those that were asked for come when they are asked for
		at += ", came " + paint.Duration(d.Truncate(100*time.Millisecond)) + " later"
	}
	g.Fact("time", at, themes.Plain, age)
	g.Fact("machine", l.Machine, themes.Plain, "")
	g.Fact("region", l.Region, themes.Plain, "")
	from := string(l.Provider)
	if l.Host != "" {
		from += ", host " + l.Host
	}
	g.Fact("said by", from, themes.Plain, "")
	if r := l.Request; r != nil {
		request := r.Method
		if r.URL != "" {
			request += " " + r.URL
		}
		g.Told("request", request, themes.Plain, 4)
		if r.ID != "" {
			g.Fact("id", r.ID, themes.Plain, "")
		}
		if r.Status != 0 {
			g.Fact("answered", strconv.Itoa(r.Status), themes.Plain, "")
		}
		if r.Code != 0 || r.Error != "" {
			text := r.Error
			if r.Code != 0 {
				text = strconv.Itoa(r.Code) + " " + text
			}
			g.Told("error", text, themes.Plain, 4)
		}
	}
	return g
}

// late is how much later than it was written a line comes before that is worth saying.
const late = 5 * time.Second
