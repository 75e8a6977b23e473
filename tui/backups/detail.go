package backups

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/backup"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// preview is the backup under the cursor in a few lines.
func (p *Pane) preview(env *pane.Env, w int) stack.Section {
	r := p.selected()
	if r == nil || p.open {
		return stack.Section{}
	}
	g := page.New(env, w)
	m := p.mark(r)
	g.Heading(string(r.Manifest.ID), paint.Part{Role: m.Role, Text: m.Glyph + " " + m.Word}, paint.Part{Role: themes.Muted, Text: "  enter tells more"})
	p.facts(g, r)
	p.verifications(g, r, 3)
	p.retention(g, r, 3)
	return section(g, 3)
}

// whole is as much of the backup under the cursor as there is room for.
func (p *Pane) whole(env *pane.Env, w int) stack.Section {
	r := p.selected()
	if r == nil {
		return stack.Section{}
	}
	s := section(p.detailPage(env, r, w), 8)
	s.Patient = true
	return s
}

func (p *Pane) drawDetail(env *pane.Env, r *row, w, h, x int) []string {
	if id := string(r.Manifest.ID); p.shown != id {
		p.shown, p.detail = id, page.Scroll{}
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

// detailPage is all that is known of one backup: whether it is good first, then how it is got back.
func (p *Pane) detailPage(env *pane.Env, r *row, w int) *page.Page {
	g := page.New(env, w)
	m := p.mark(r)
	g.Heading(string(r.Manifest.ID), paint.Part{Role: m.Role, Text: m.Glyph + " " + m.Word})
	if j := p.job(); j.Runs() { // it is worth seeing wherever one is
		f, _ := j.Fraction()
		g.Text(themes.Info, 3, paint.Part{Role: themes.Info, Text: env.Glyphs.Running[0]}, j.Title+": "+j.Step+" "+strconv.Itoa(int(100*f))+" %", 1)
	}
	p.facts(g, r)
	g.Heading("PROVEN", paint.Part{Role: themes.Muted, Text: "newest first"})
	p.verifications(g, r, len(r.Verifications))
	g.Heading("RETENTION")
	p.retention(g, r, 12)
	p.byHand(g, r)
	p.server(g, r)
	p.stages(g, r)
	p.contents(g, r)
	return g
}

// facts are when and why it was taken, and how large it is.
func (p *Pane) facts(g *page.Page, r *row) {
	m := &r.Manifest
	g.Fact("data of", r.at.UTC().Format("2006-01-02 15:04:05Z")+", "+paint.Ago(p.now, r.at), themes.Plain, "")
	reason := why(m)
	if m.Remote != "" {
		reason += ", by machine " + m.Remote
	}
	g.Fact("taken", reason, themes.Plain, "")
	g.Fact("size", p.sizes(m), themes.Plain, "")
	if r.Pin != nil {
		g.Told("pinned", r.Pin.Why+" ("+r.Pin.By+", "+paint.Ago(p.now, r.Pin.At)+")", themes.Accent, 3)
	}
	if r.broken != "" {
		g.Told("BROKEN", r.broken, themes.Crit, 4)
	}
}

// sizes are how much is stored of how much.
func (p *Pane) sizes(m *backup.Manifest) string {
	s := paint.Bytes(m.Stored()) + " stored"
	if d, ok := m.Dump(); ok && d.Stored.Bytes > 0 && d.Raw.Bytes > 0 {
		s += " of " + paint.Bytes(d.Raw.Bytes) + fmt.Sprintf(", %.1f times smaller", float64(d.Raw.Bytes)/float64(d.Stored.Bytes))
		if d.Age == nil {
			s += ", not encrypted"
		}
	}
	return s
}

// verifications are the newest n attempts to prove it.
func (p *Pane) verifications(g *page.Page, r *row, n int) {
	vv := r.Verifications
	if len(vv) == 0 {
		g.Text(themes.Stale, 3, paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown}, "Nobody has read it back yet: that it can be restored is not known.", 2)
		return
	}
	for i := len(vv) - 1; i >= max(0, len(vv)-n); i-- {
		v := &vv[i]
		mark := paint.Part{Role: themes.OK, Text: g.Env.Glyphs.Done}
		text := v.Level.String() + " " + paint.Ago(p.now, v.At) + fmt.Sprintf(", in %.1f s, by %s", v.Seconds, v.By)
		if len(v.Asserted) > 0 {
			text += ", " + paint.Count(len(v.Asserted), "assertion held", "assertions held")
		}
		if !v.OK {
			mark = paint.Part{Role: themes.Crit, Text: g.Env.Glyphs.Crit}
			text = "not " + text + ": " + v.Failure
		}
		g.Text(themes.Plain, 3, mark, text, 4)
	}
}

// retention is why it is kept, or that it may go.
func (p *Pane) retention(g *page.Page, r *row, n int) {
	d := &r.decision
	switch {
	case d.ID == "" && p.feed.Value.PolicyErr != nil:
		g.Text(themes.Warn, 3, paint.Part{}, "retention: "+p.feed.Value.PolicyErr.Error(), 3)
	case d.ID == "":
		g.Text(themes.Stale, 3, paint.Part{}, "What retention makes of it is not known.", 1)
	case r.goes():
		g.Text(themes.Warn, 3, paint.Part{Role: themes.Warn, Text: g.Env.Glyphs.Warn}, "may go: "+strings.Join(d.Reasons, ", "), 3)
	case d.Frozen != "":
		g.Text(themes.Stale, 3, paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown}, "could go, but nothing does: "+d.Frozen, 4)
	default:
		g.Text(themes.Muted, 3, paint.Part{Role: themes.OK, Text: g.Env.Glyphs.OK}, "kept: "+strings.Join(d.Reasons, ", "), n)
	}
}

// server is the node that was dumped, and what dumped it.
func (p *Pane) server(g *page.Page, r *row) {
	m := &r.Manifest
	s := &m.Server
	g.Heading("OF")
	role := "primary"
	if s.InRecovery {
		role = "replica"
	}
	encoding := strings.Join(nonEmpty(s.Encoding, s.Collate, s.CollationVersion), ", ")
	migrations := ""
	if s.Migrations.Count > 0 {
		migrations = strconv.FormatInt(s.Migrations.Max, 10) + ", " + paint.Count(int(s.Migrations.Count), "in all", "in all")
	}
	var extensions []string
	for name, version := range s.Extensions {
		extensions = append(extensions, name+" "+version)
	}
	slices.Sort(extensions)
	for _, f := range []struct{ label, value string }{
		{"database", m.Database + " of " + m.App},
		{"node", strings.Join(nonEmpty(s.Node, role), ", ")},
		{"server", "PostgreSQL " + s.Version + ", system " + s.SystemID},
		{"LSN", s.LSN},
		{"encoding", encoding},
		{"migration", migrations},
		{"image", s.AppImage},
		{"tool", strings.TrimSpace("pg_dump " + m.Tool.PgDump + " " + strings.Join(m.Tool.Args, " "))},
		{"program", "ops-console " + m.Tool.Ops},
		{"times", times(m)},
	} {
		g.Fact(f.label, f.value, themes.Plain, "")
	}
	if len(extensions) > 0 {
		g.Told("with", strings.Join(extensions, ", "), themes.Plain, 4)
	}
	for _, n := range m.Notes {
		g.Text(themes.Muted, 3, paint.Part{Role: themes.Warn, Text: g.Env.Glyphs.Warn}, n, 4)
	}
}

// times is how long a run took, and how long it held its snapshot.
func times(m *backup.Manifest) string {
	out := []string{}
	if d := m.Finished.Sub(m.Started); d > 0 {
		out = append(out, "took "+paint.Duration(d))
	}
	if s := m.Timings.Snapshot; s > 0 {
		out = append(out, "held its snapshot for "+paint.Duration(time.Duration(s*float64(time.Second))))
	}
	return strings.Join(out, ", ")
}

func nonEmpty(ss ...string) []string {
	return slices.DeleteFunc(ss, func(s string) bool { return s == "" })
}

// stages are the objects of a backup, and what each stage made of them.
func (p *Pane) stages(g *page.Page, r *row) {
	g.Heading("OBJECTS", paint.Part{Role: themes.Muted, Text: "in " + backup.Dir(r.Manifest.Source, r.Manifest.ID)})
	for i := range r.Manifest.Payload {
		x := &r.Manifest.Payload[i]
		g.Fact(map[backup.Kind]string{backup.Dump: "database", backup.Globals: "roles"}[x.Kind], x.Key, themes.Plain, "")
		sum := func(label string, bytes int64, sum, more string) {
			g.Line(func(l *paint.Line) {
				l.Gap(4).Cell(themes.Muted, label, 10, paint.Left).Gap(1).Cell(themes.Plain, paint.Bytes(bytes), 8, paint.Right).Gap(2)
				if more != "" {
					l.Text(themes.Muted, more).Gap(2)
				}
				if sum != "" {
					l.Text(themes.Faint, "sha256 "+sum)
				}
			})
		}
		sum("pg_dump", x.Raw.Bytes, x.Raw.SHA256, "")
		sum("zstd", x.Zstd.Bytes, x.Zstd.SHA256, "level "+strconv.Itoa(x.Zstd.Level))
		if x.Age != nil {
			sum("age", x.Age.Bytes, "", paint.Count(len(x.Age.Recipients), "recipient", "recipients"))
			for _, to := range x.Age.Recipients {
				g.Line(func(l *paint.Line) { l.Gap(15).Text(themes.Faint, to) })
			}
		}
		parts := ""
		if x.Stored.Parts > 0 {
			parts = paint.Count(x.Stored.Parts, "part", "parts")
		}
		sum("stored", x.Stored.Bytes, x.Stored.SHA256, parts)
	}
	g.Fact("manifest", "sha256 "+r.SHA256, themes.Faint, "")
}

// contents are the tables of the dump, the largest first.
func (p *Pane) contents(g *page.Page, r *row) {
	tt := slices.Clone(r.Manifest.Tables)
	// Rows that only a check counted are in what it says.
	counted := map[string]int64{}
	for i := range r.Verifications {
		for _, t := range r.Verifications[i].Tables {
			counted[t.Name] = t.Rows
		}
	}
	for i := range tt {
		if n, ok := counted[tt[i].Name]; ok && tt[i].Rows < 0 {
			tt[i].Rows = n
		}
	}
	slices.SortStableFunc(tt, func(a, b backup.Table) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Rows, a.Rows))
	})
	more := ""
	if r.Manifest.LargeObj > 0 {
		more = ", " + strconv.FormatInt(r.Manifest.LargeObj, 10) + " large objects"
	}
	g.Heading("TABLES", paint.Part{Role: themes.Muted, Text: strconv.Itoa(len(tt)) + more})
	for i := range tt {
		t := &tt[i]
		g.Line(func(l *paint.Line) {
			rows, role := "not counted", themes.Stale
			if t.Rows >= 0 {
				rows, role = strconv.FormatInt(t.Rows, 10)+" rows", themes.Plain
			}
			size := l.Glyphs.Dash
			if t.Bytes > 0 {
				size = paint.Bytes(t.Bytes)
			}
			l.Gap(3).Cell(themes.Plain, t.Name, max(l.Rest()-30, 10), paint.Left).Gap(1)
			l.Cell(role, rows, 16, paint.Right).Gap(1).Cell(themes.Muted, size, 9, paint.Right)
		})
	}
}
