package logs

import (
	"strconv"
	"strings"
	"time"

	"ops-console/ops/logs"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// leastBoth is the height from which list and detail are shown below one another.
const leastBoth = 18

// View draws the pane: exactly h lines of exactly w cells.
func (p *Pane) View(env *pane.Env, w, h int) []string {
	p.glyphs, p.drawn = env.Glyphs, p.drawn[:0]
	inner := max(w-2, 0)
	b := paint.NewBlock(env.Theme, env.Glyphs, inner, h)
	if h >= 16 {
		b.Blank()
	}
	l := p.selected()
	p.open = p.open && l != nil
	p.whole = p.open && h < leastBoth
	if p.whole {
		b.Append(p.detailLines(env, l, inner, b.Rest())...)
		return paint.Margins(env.Theme, env.Glyphs, b.Lines(), w)
	}
	var below []string
	if p.open {
		g := p.detailPage(env, l, inner)
		below = p.detailLines(env, l, inner, min(g.Len(), h/2))
	}
	p.list(env, b, inner, h-b.Rest(), b.Rest()-len(below))
	b.Append(below...)
	return paint.Margins(env.Theme, env.Glyphs, b.Lines(), w)
}

// list draws the heading, what is wrong with the source, and the lines, in room lines from the one at y.
func (p *Pane) list(env *pane.Env, b *paint.Block, w, y, room int) {
	before := b.Rest()
	b.Line().Rule("LOGS", p.summary(env, w)...)
	notes := p.notes(env, w)
	b.Append(notes.View(0, min(notes.Len(), max(room/3, 1)))...)
	if len(p.rows) == 0 {
		p.height = 0
		b.Line().Gap(2).Text(themes.Muted, p.none())
		for before-b.Rest() < room {
			b.Blank()
		}
		return
	}
	c := p.columns(w)
	c.titles(b.Line())
	used := before - b.Rest()
	p.listY = y + used
	p.lines(env, b, c, w, max(room-used, 0))
	for before-b.Rest() < room {
		b.Blank()
	}
}

// none says why there is no line.
func (p *Pane) none() string {
	kept := paint.Count(p.kept(), "line is", "lines are")
	switch {
	case !p.told:
		return "nothing is known before the console is connected"
	case !p.known:
		return "the log is not followed here"
	case p.kept() > 0:
		return "no line matches; " + kept + " kept"
	case !p.state.Primed:
		return "the platform is being asked for the newest lines"
	case p.state.Source == logs.NoSource || p.state.PollFailure != nil:
		return "no line is known"
	}
	return "nothing has been logged"
}

// summary is what the heading says at its end: which lines these are, whether they are followed, and where they come from.
// What matters most comes last: it is left out last.
func (p *Pane) summary(env *pane.Env, w int) []paint.Part {
	var out []paint.Part
	say := func(r themes.Role, text string) {
		if text != "" {
			out = append(out, paint.Part{Role: r, Text: text + "  "})
		}
	}
	if w >= roomy {
		if n := p.state.Malformed; n > 0 {
			say(themes.Muted, strconv.FormatUint(n, 10)+" hard to read")
		}
	}
	if p.past.asked && !p.past.known {
		say(themes.Stale, "reading what came before")
	}
	if n := p.state.Lost; n > 0 && env.Now.Sub(p.state.LostAt) > recently {
		say(themes.Muted, strconv.FormatUint(n, 10)+" lost")
	}
	count := strconv.Itoa(len(p.rows)) + " of " + strconv.Itoa(max(p.kept(), len(p.rows)))
	if p.inContext() {
		count = paint.Count(len(p.hits), "match", "matches") + " in " + strconv.Itoa(len(p.rows))
	}
	if len(p.rows) > 0 || p.kept() > 0 {
		say(themes.Muted, count)
	}
	if f := p.only; f.Machine != "" {
		say(themes.Accent, strings.TrimSpace("only "+p.names.Short(f.Machine)+" "+p.names.Region(f.Machine)))
	}
	if p.only.Region != "" {
		say(themes.Accent, "only "+p.only.Region)
	}
	switch p.only.Level {
	case logs.NoLevel:
	case logs.Error:
		say(themes.Accent, "only errors")
	default:
		say(themes.Accent, p.only.Level.String()+" and above")
	}
	if f := p.needle(); f != "" {
		say(themes.Accent, "/"+f[:min(len(f), 30)])
	}
	switch n := p.fresh(); {
	case !p.known, len(p.rows) == 0:
	case p.following:
		say(themes.Muted, "following")
	case n > 0:
		text := paint.Count(n, "new line", "new lines")
		if p.now.First() > p.held.Last()+1 { // some of them are not kept any more
			text = strconv.Itoa(n) + "+ new lines"
		}
		say(themes.Warn, env.Glyphs.Stopped+" held, "+text)
	default:
		say(themes.Warn, env.Glyphs.Stopped+" held")
	}
	return append(out, p.source(env))
}

// source is where lines come from, and since when.
func (p *Pane) source(env *pane.Env) paint.Part {
	g, s := env.Glyphs, p.state
	since := ""
	if !s.Since.IsZero() {
		since = " " + paint.Duration(env.Now.Sub(s.Since).Truncate(time.Second))
	}
	switch {
	case !p.known:
		return paint.Part{Role: themes.Stale, Text: g.Unknown + " not known"}
	case s.Source == logs.Live && (p.net.State == wg.StateDead || p.net.State == wg.StateClosed):
		// The stream has not noticed yet.
		return paint.Part{Role: themes.Stale, Text: g.Unknown + " network " + string(p.net.State) + " " + paint.Duration(env.Now.Sub(p.net.Since).Truncate(time.Second))}
	case s.Source == logs.Live:
		if age := env.Now.Sub(s.LastAt); !s.LastAt.IsZero() && age >= silent {
			since += ", silent " + paint.Duration(age.Truncate(time.Second))
		}
		return paint.Part{Role: themes.OK, Text: g.OK + " live" + since}
	case s.Source == logs.Polled:
		return paint.Part{Role: themes.Warn, Text: g.Warn + " polling" + since}
	case since != "":
		return paint.Part{Role: themes.Stale, Text: g.Unknown + " cut off" + since}
	}
	return paint.Part{Role: themes.Stale, Text: g.Unknown + " connecting"}
}

// silent is how long no line has come before that is said.
const silent = 15 * time.Second

// recently is how long it is said in a sentence that lines were lost.
const recently = time.Minute

// notes are what is wrong with the source, and why.
func (p *Pane) notes(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	s := &p.state
	say := func(r themes.Role, glyph, text string, f *logs.Failure) {
		if f != nil {
			text += f.Text
			if f.Hint != "" {
				text += "; " + f.Hint
			}
		}
		g.Text(themes.Plain, 3, paint.Part{Role: r, Text: glyph}, text, 3)
	}
	if f := s.LiveFailure; f != nil {
		role, glyph, text := themes.Stale, env.Glyphs.Unknown, "Lines do not come live"
		if s.Source == logs.Polled {
			role, glyph = themes.Warn, env.Glyphs.Warn
		}
		if !s.NextTry.IsZero() {
			text += ", next try " + paint.Clock(env.Now, s.NextTry)
		}
		say(role, glyph, text+": ", f)
	}
	switch f := s.PollFailure; {
	case f == nil:
	case s.Source == logs.Live:
		say(themes.Warn, env.Glyphs.Warn, "Lines of before may be missing: ", f)
	default:
		say(themes.Stale, env.Glyphs.Unknown, "The web does not say what is logged either: ", f)
	}
	if err := p.past.err; err != nil {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}, "What came before is not known: "+err.Error(), 2)
	}
	if s.Lost > 0 && env.Now.Sub(s.LostAt) <= recently {
		say(themes.Warn, env.Glyphs.Warn, paint.Count(int(min(s.Lost, 1<<31)), "line", "lines")+" came too fast to be taken, the latest at "+paint.Clock(env.Now, s.LostAt)+".", nil)
	}
	return g
}
