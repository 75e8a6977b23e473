package overview

import (
	"strconv"
	"time"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/retain"
	backups "ops-console/ops/backup/watch"
	"ops-console/ops/feed"
	"ops-console/themes"
	"ops-console/tui/ident"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// takeBackups shows a newer reading of the backups, or that there is no store of them.
func (p *Pane) takeBackups(m pane.BackupsMsg) {
	if m.Known && p.keeps && m.Snapshot.Seq < p.kept.Seq {
		return
	}
	p.keeps, p.kept = m.Known, m.Snapshot
	if !m.Known {
		p.kept = feed.Snapshot[*backups.Snapshot]{}
	}
	p.build()
}

// ofBackups makes an entry one of the backups.
func ofBackups(e problem, _ ops.Subject, _ string) problem {
	e.subject = "backups"
	e.address = ident.To("backups")
	return e
}

// backupsSection says how old the newest backup is and how far it is proven, or how the one that is taken goes. What is wrong
// with them is among what needs attention.
func (p *Pane) backupsSection(env *pane.Env) []stack.Section {
	s := p.kept.Value
	if !p.keeps || s == nil || s.At.IsZero() && !s.Job.Runs() {
		return nil
	}
	out := stack.Section{Least: 2, Most: 2, Draw: func(b *paint.Block, _, _, _ int) {
		var right []paint.Part
		if p.kept.Err != nil {
			right = append(right, paint.Part{Role: themes.Stale, Text: p.glyphs.Unknown + " " + paint.Old(p.now, s.At) + "  "})
		}
		count := "none"
		if n := len(s.Listing.Records); n > 0 {
			count = strconv.Itoa(n)
		}
		b.Line().Rule("BACKUPS", append(right, paint.Part{Role: themes.Muted, Text: count})...)
		p.backupLine(b.Line().Gap(1), s, env.ReducedMotion)
	}}
	if !s.Job.Runs() {
		out = stack.Beside(out)
	}
	return []stack.Section{out}
}

func (p *Pane) backupLine(l *paint.Line, s *backups.Snapshot, still bool) {
	if j := s.Job; j.Runs() {
		l.Spinner(themes.Info, p.now.UnixMilli()/125, still).Gap(1).Max(themes.Plain, j.Title, 40).Gap(2).Text(themes.Muted, j.Step)
		if f, ok := j.Fraction(); ok {
			l.Gap(2).Bar(themes.Info, themes.Border, f, max(min(l.Rest()-6, 24), 0)).Gap(1).Text(themes.Plain, strconv.Itoa(int(100*f))+" %")
		}
		return
	}
	if len(s.Listing.Records) == 0 {
		l.Text(themes.Crit, l.Glyphs.Crit).Gap(1).Text(themes.Plain, "There is none.")
		return
	}
	r := &s.Listing.Records[0]
	mark := paint.Part{Role: themes.OK, Text: l.Glyphs.OK}
	proven := ""
	switch v, ok := r.Proven(); {
	case ok:
		proven = v.Level.String() + " " + paint.Ago(p.now, v.At)
		if v.Level < backup.Decoded {
			mark = paint.Part{Role: themes.Stale, Text: l.Glyphs.Unknown}
		}
	default:
		proven, mark = "not proven", paint.Part{Role: themes.Stale, Text: l.Glyphs.Unknown}
	}
	if _, broken := r.Broken(); broken {
		proven, mark = "BROKEN", paint.Part{Role: themes.Crit, Text: l.Glyphs.Crit}
	}
	for i := range s.Problems {
		if m := paint.Severity(l.Glyphs, s.Problems[i].Severity); s.Problems[i].Severity != ops.Unknown && mark.Role == themes.OK {
			mark = paint.Part{Role: m.Role, Text: m.Glyph}
		}
	}
	l.Parts(mark).Gap(1).Text(themes.Muted, "Newest "+paint.Duration(p.now.Sub(retain.When(r)).Truncate(time.Second))+" old, "+proven+".")
}
