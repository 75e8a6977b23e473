package replication

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/plot"
	"ops-console/tui/stack"
)

// why is a few lines on the node under the cursor, where there is room for them.
func (p *Pane) why(env *pane.Env, w int) stack.Section {
	r := p.selected()
	if r == nil || p.open { // the detail says it
		return stack.Section{}
	}
	g := page.New(env, w)
	g.Heading(strings.TrimSpace(r.label+"  WHY"), paint.Part{Role: themes.Muted, Text: "enter tells more"})
	p.reasons(g, r)
	if g.Len() == 1 {
		return stack.Section{}
	}
	return stack.Section{Least: min(g.Len(), 4), Most: g.Len(), Aside: r.Level == replication.LevelOK, Draw: func(b *paint.Block, w, x, y int) {
		b.Append(g.View(0, b.Rest())...)
	}}
}

// reasons are why a node is in its state: what keeps it from being read, what replay waits for, how the link does.
func (p *Pane) reasons(g *page.Page, r *row) {
	role := themes.Plain
	if r.Level != replication.LevelOK {
		role = p.mark(r).Role
	}
	state := paint.State(r.State)
	if r.Reason != "" {
		state += ": " + r.Reason
	}
	if r.Reason != "" || r.Level != replication.LevelOK {
		g.Told("state", state, role, 3)
	}
	if f := r.Failure; f != nil {
		g.Told("failure", strings.Join(nonEmpty(strings.ReplaceAll(string(f.Kind), "_", " "), f.SQLState, p.since(f.Since)), ", ")+": "+f.Text, themes.Plain, 3)
		g.Text(themes.Accent, page.LabelX+2, paint.Part{Role: themes.Accent, Text: g.Env.Glyphs.Right}, f.Hint, 2)
	}
	if b := r.Blocker; b != nil {
		who := strings.Join(nonEmpty(prefixed("user ", b.User), prefixed("application ", b.Application), prefixed("max_standby_streaming_delay ", b.MaxDelay)), ", ")
		g.Fact("pid "+strconv.Itoa(b.PID), "runs for "+paint.Span(b.Age)+", "+who, themes.Plain, "")
		g.Text(themes.String, page.LabelX, paint.Part{}, b.Query, 3)
	}
	if isPrimary(r.Node) {
		return
	}
	g.Told("receives", p.receives(r), themes.Muted, 2)
	g.Told("replays", p.replays(r), themes.Muted, 2)
	for i := range p.feed.Value.Slots {
		if s := &p.feed.Value.Slots[i]; s.Name == r.Slot && s.Name != "" && (s.Level != replication.LevelOK || !s.Active) {
			g.Told("slot", slotText(s), slotRole(s), 2)
		}
	}
}

// receives is how the link does, by the receiver and by the sender.
func (p *Pane) receives(r *row) string {
	var said []string
	switch rc := r.Receiver; {
	case rc == nil && r.ReadAt.IsZero():
		said = append(said, "not known")
	case rc == nil:
		said = append(said, "no receiver")
	case rc.Status == "":
		said = append(said, "receiver pid "+strconv.Itoa(rc.PID))
	default:
		said = append(said, rc.Status)
	}
	said = append(said, nonEmpty(speed(r.Receive))...)
	if rc := r.Receiver; rc != nil && rc.LastMessage != nil {
		said = append(said, "last message "+span(rc.LastMessage)+" ago")
	}
	if sd := r.Sender; sd != nil && sd.Gone {
		said = append(said, "gone from "+sd.Of+" since "+paint.Clock(p.now, sd.At))
	}
	return strings.Join(said, ", ")
}

func (p *Pane) replays(r *row) string {
	said := nonEmpty(speed(r.Replay))
	switch {
	case r.Paused != "":
		said = append(said, r.Paused)
	case r.WaitEvent != "":
		said = append(said, "waits on "+r.WaitEvent)
	}
	if r.ApplyDelay > 0 {
		said = append(said, "recovery_min_apply_delay "+paint.Span(r.ApplyDelay))
	}
	if r.ETA != nil {
		said = append(said, "has caught up in about "+span(r.ETA))
	}
	return strings.Join(said, ", ")
}

func nonEmpty(ss ...string) []string {
	var out []string
	for _, s := range ss {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func (p *Pane) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "for " + paint.Duration(p.now.Sub(t).Truncate(time.Second))
}

func (p *Pane) drawDetail(env *pane.Env, r *row, w, h, x int) []string {
	if p.shown != r.Name {
		p.shown, p.detail = r.Name, page.Scroll{}
	}
	b := paint.NewBlock(env.Theme, env.Glyphs, w, h)
	lead := 0
	if h >= 16 {
		b.Blank()
		lead = 1
	}
	p.hits = append(p.hits, hit{partDetail, x, lead, w, h - lead})
	b.Append(p.detail.Draw(p.detailPage(env, r, w), h-lead)...)
	return b.Lines()
}

// detailPage is all that is known of one node: why first, then where it is in the WAL, then the rest.
func (p *Pane) detailPage(env *pane.Env, r *row, w int) *page.Page {
	g := page.New(env, w)
	m := p.mark(r)
	g.Heading(strings.TrimSpace(r.Region+" "+r.Name), paint.Part{Role: m.Role, Text: m.Glyph + " " + paint.State(r.State)}, paint.Part{Role: themes.Muted, Text: prefixed("  ", p.since(r.StateSince))})
	p.reasons(g, r)
	if isPrimary(r.Node) {
		p.detailPrimary(g, r)
	} else {
		p.detailLag(g, r)
		p.detailWAL(g, r)
		p.detailStages(g, r)
		p.detailLink(g, r)
	}
	p.detailNode(g, r)
	p.detailEvents(g, r)
	if ss := p.statements(r); len(ss) > 0 {
		g.Heading("SQL", paint.Part{Role: themes.Muted, Text: "y copies it; nothing of this is run here"})
		for _, s := range ss {
			g.Text(themes.Muted, 2, paint.Part{}, s.what, 2)
			g.Text(themes.String, 4, paint.Part{}, s.sql, 3)
		}
	}
	return g
}

func (p *Pane) detailLag(g *page.Page, r *row) {
	g.Heading("LAG")
	l := r.Lag
	text, role := paint.Lag(g.Env.Glyphs, l), themes.Strong
	if text == "?" {
		text, role = "not known", themes.Stale
	}
	if l.Kind == replication.LagBounded && l.Lo != nil && l.Hi != nil {
		text += ", between " + span(l.Lo) + " and " + span(l.Hi)
	}
	g.Fact("behind", text, role, p.ageOf(l.At))
	if words, ok := sources[l.Source]; ok {
		g.Fact("from", words, themes.Muted, "")
	}
	if r.ReplayLag != nil {
		g.Fact("pg says", "replay_lag "+span(r.ReplayLag), themes.Muted, "")
	}
	if d := r.Visible; d != nil && d.N > 0 {
		g.Fact("visible", "after "+d.Text(d.P50)+" p50, "+d.Text(d.P95)+" p95, "+d.Text(d.Max)+" at most, of "+paint.Count(d.N, "write", "writes"), themes.Plain, "")
	}
	if r.Watcher != "" {
		g.Fact("watcher", watchers[r.Watcher], themes.Muted, "")
	}
}

var sources = map[replication.LagSource]string{
	replication.FromRing:      "its own replay position, against when the primary wrote that",
	replication.FromPrimary:   "what its upstream last heard of it",
	replication.FromTimestamp: "the time of the last commit it replayed: only a hint",
	replication.FromAurora:    "aurora_replica_status",
}

var watchers = map[string]string{
	"0.3": "fly_postgres' watcher runs here", "none": "none: waits of fly_postgres there time out", "unknown": "whether fly_postgres watches is not known",
}

// walRows is how many lines the plot of the WAL takes.
const walRows = 12

// lsnCells is the longest text of a position: "2D/9A4458F0".
const lsnCells = 11

// detailWAL plots what the primary has written and what this node has replayed: how far apart the two lines are from left
// to right is the lag, and from top to bottom the bytes.
func (p *Pane) detailWAL(g *page.Page, r *row) {
	if len(r.Trail) == 0 {
		return
	}
	n := len(r.Trail)
	gap := time.Duration(3.5 * p.interval() * float64(time.Second))
	head := plot.Series{Name: "primary", Role: themes.Muted, Style: 4, T: make([]int64, n), V: make([]float64, n), Gap: gap}
	here := plot.Series{Name: r.label, Role: themes.Plot1, Rank: 1, T: head.T, V: make([]float64, n), Gap: gap}
	from := g.Env.Now.Add(-spans[p.span])
	lo, hi := uint64(math.MaxUint64), uint64(0)
	position := func(at time.Time, l replication.LSN) float64 {
		if l == 0 {
			return math.NaN()
		}
		if !at.Before(from) {
			lo, hi = min(lo, uint64(l)), max(hi, uint64(l))
		}
		return float64(l)
	}
	for i := range r.Trail {
		pt := &r.Trail[i]
		head.T[i] = pt.At.UnixNano()
		head.V[i], here.V[i] = position(pt.At, pt.Flush), position(pt.At, pt.Replay)
	}
	if lo > hi {
		return
	}
	c := &plot.Chart{
		Series: []plot.Series{head, here}, To: g.Env.Now, Span: spans[p.span], Cursor: p.cursor,
		Scale: plot.Bytes(lo, hi, lsnCells, func(v uint64) string { return replication.LSN(v).String() }),
	}
	g.Heading("WAL", paint.Part{Role: themes.Muted, Text: "from left to right between the lines is the lag   "}, paint.Part{Role: themes.Plain, Text: spanName(spans[p.span])})
	for _, line := range p.wal.View(g.Env, c, g.W, walRows) {
		g.Line(func(l *paint.Line) { l.Splice(line, g.W) })
	}
}

func (p *Pane) detailStages(g *page.Page, r *row) {
	g.Heading("STAGES", paint.Part{Role: themes.Muted, Text: prefixed(size(r.Behind.Total), " in all")})
	most := int64(1)
	for _, s := range stages(r.Behind) {
		if s.bytes != nil {
			most = max(most, *s.bytes)
		}
	}
	if b := r.Behind; b.Unsent == nil && b.InFlight == nil && b.ToFlush == nil && b.ToReplay == nil {
		text := "Not known: no sender tells of it."
		if r.Privileges == "basic" {
			text = "Not known: they are told only to roles with pg_monitor."
		}
		g.Text(themes.Stale, 2, paint.Part{}, text, 2)
		return
	}
	for i, s := range stages(r.Behind) {
		words := []string{"not sent yet", "on the way", "not flushed yet", "not replayed yet"}[i]
		g.Line(func(l *paint.Line) {
			l.Gap(2).Cell(themes.Muted, s.name, page.LabelX-3, paint.Left).Gap(1)
			if s.bytes == nil {
				l.Text(themes.Stale, "not known")
				return
			}
			cells := max(min(l.Rest()-30, 40), 6)
			l.Bar(p.quiet(r), themes.Border, float64(*s.bytes)/float64(most), cells).Gap(1).Cell(themes.Plain, size(s.bytes), 8, paint.Right).Gap(2).Text(themes.Faint, words)
		})
	}
}

func (p *Pane) detailLink(g *page.Page, r *row) {
	g.Heading("LINK")
	if rc := r.Receiver; rc != nil {
		text := strings.Join(nonEmpty("pid "+strconv.Itoa(rc.PID), rc.Status, prefixed("from ", rc.Host), prefixed("slot ", rc.Slot)), ", ")
		age := ""
		if rc.LastMessage != nil {
			age = "last message " + span(rc.LastMessage) + " ago"
		}
		g.Fact("receiver", text, themes.Plain, age)
	} else {
		g.Fact("receiver", "none is known", themes.Stale, "")
	}
	if sd := r.Sender; sd != nil {
		text := strings.Join(nonEmpty(sd.Of+" pid "+strconv.Itoa(sd.PID), sd.State, prefixed("sync ", r.Sync)), ", ")
		role := themes.Plain
		if sd.Gone {
			text, role = text+", gone: this was its last word", themes.Stale
		}
		age := ""
		if sd.LastReply != nil {
			age = "last reply " + span(sd.LastReply) + " ago"
		}
		g.Fact("sender", text, role, age)
		if sd.Sent != 0 {
			mark := " " + g.Env.Glyphs.Stage + " "
			g.Fact("it says", strings.Join([]string{sd.Sent.String(), sd.Write.String(), sd.Flush.String(), sd.Replay.String()}, mark), themes.Muted, p.ageOf(sd.At))
		}
	} else {
		g.Fact("sender", "none is known", themes.Stale, "")
	}
	g.Fact("received", lsn(r.LSN.Receive), themes.Plain, speed(r.Receive))
	g.Fact("replayed", lsn(r.LSN.Replay), themes.Plain, speed(r.Replay))
	if r.Conflicts != nil {
		g.Fact("conflicts", fmt.Sprintf("%.1f queries cancelled a minute", *r.Conflicts), themes.Plain, "")
	}
}

// ageOf is how old a fact is, where that is worth saying.
func (p *Pane) ageOf(t time.Time) string {
	if t.IsZero() || p.now.Sub(t) < p.late() {
		return ""
	}
	return paint.Old(p.now, t)
}

func lsn(l replication.LSN) string {
	if l == 0 {
		return ""
	}
	return l.String()
}

func (p *Pane) detailPrimary(g *page.Page, r *row) {
	g.Heading("WAL")
	g.Fact("flushed", lsn(r.LSN.Flush), themes.Plain, "")
	g.Fact("written", lsn(r.LSN.Write), themes.Muted, "")
	g.Fact("inserted", lsn(r.LSN.Insert), themes.Muted, "")
	g.Fact("rate", speed(p.feed.Value.WALRate), themes.Plain, "")
	if r.Waiters > 0 {
		g.Fact("waiting", paint.Count(r.Waiters, "commit waits", "commits wait")+" for a synchronous standby", themes.Warn, "")
	}
}

func (p *Pane) detailNode(g *page.Page, r *row) {
	g.Heading("NODE", paint.Part{Role: themes.Muted, Text: prefixed("read ", p.readAgo(r))})
	role := string(r.Role)
	if r.Role == "" {
		role = "not known"
	}
	if r.Expected != "" && r.Expected != r.Role {
		role += ", should be " + string(r.Expected)
	}
	timeline := ""
	if r.Timeline != 0 {
		timeline = strconv.FormatUint(uint64(r.Timeline), 10)
		if r.TimelineFrom == "control" {
			timeline += ", at least: from its last checkpoint"
		}
		if r.LSN.Fork != 0 {
			timeline += ", since " + r.LSN.Fork.String()
		}
	}
	skew, skewRole := "", themes.Muted
	if s := r.Skew; s != nil {
		skew = fmt.Sprintf("%+.3fs%s%.3f", s.Offset, plusMinus(g.Env.Glyphs.ASCII), s.Error)
		if math.Abs(s.Offset) > 0.5+s.Error {
			skewRole = themes.Warn
		}
	}
	readOnly, readOnlyRole := strings.Join(r.ReadOnly, ", "), themes.Warn
	if readOnly == "" {
		readOnly, readOnlyRole = "none", themes.Muted
	} else {
		readOnly = strings.ReplaceAll(readOnly, "*", "every database")
	}
	boot := ""
	if !r.BootAt.IsZero() {
		boot = paint.Clock(p.now, r.BootAt) + ", " + paint.Ago(p.now, r.BootAt)
	}
	rtt := ""
	if r.RTT != nil {
		rtt = "answers in " + span(r.RTT)
	}
	privileges, privilegesRole := "", themes.Muted
	switch r.Privileges {
	case "full":
		privileges = "may read everything"
	case "basic":
		privileges, privilegesRole = "without pg_monitor", themes.Warn
	}
	for _, f := range []struct {
		label, value string
		role         themes.Role
		age          string
	}{
		{"address", r.Address, themes.Plain, rtt},
		{"role", role, themes.Plain, ""},
		{"upstream", r.Upstream, themes.Plain, ""},
		{"version", r.Version, themes.Plain, ""},
		{"timeline", timeline, themes.Plain, ""},
		{"system", r.SystemID, themes.Muted, ""},
		{"slot", r.Slot, themes.Plain, ""},
		{"started", boot, themes.Muted, ""},
		{"clock", skew, skewRole, ""},
		{"rights", privileges, privilegesRole, ""},
		{"read-only", readOnly, readOnlyRole, ""},
	} {
		g.Fact(f.label, f.value, f.role, f.age)
	}
	if r.Feedback {
		g.Fact("feedback", "hot_standby_feedback is on", themes.Muted, "")
	}
}

func plusMinus(ascii bool) string {
	if ascii {
		return " +-"
	}
	return " ±"
}

func (p *Pane) readAgo(r *row) string {
	if r.ReadAt.IsZero() {
		return "never"
	}
	return paint.Ago(p.now, r.ReadAt)
}

func (p *Pane) detailEvents(g *page.Page, r *row) {
	begun := false
	for i := range p.feed.Value.Events {
		e := &p.feed.Value.Events[i]
		if e.Node != r.Name {
			continue
		}
		if !begun {
			g.Heading("EVENTS", paint.Part{Role: themes.Muted, Text: "newest first"})
			begun = true
		}
		g.Line(func(l *paint.Line) { p.eventLine(l.Gap(2), e, false) })
	}
	if !begun && r.Level != replication.LevelOK {
		g.Heading("EVENTS")
		g.Text(themes.Muted, 2, paint.Part{}, "It has been like this since the console began to look.", 2)
	}
}
