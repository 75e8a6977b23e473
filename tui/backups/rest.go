package backups

import (
	"cmp"

	"ops-console/ops/backup/catalog"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// failures are runs that came to nothing. Those since the newest backup are news.
func (p *Pane) failures(env *pane.Env, w int) stack.Section {
	ff := p.read().Listing.Failures
	if len(ff) == 0 {
		return stack.Section{}
	}
	g := page.New(env, w)
	g.Heading("FAILED RUNS", paint.Part{Role: themes.Muted, Text: paint.Count(len(ff), "run", "runs") + ", newest first"})
	const shown = 6
	for i := range ff[:min(shown, len(ff))] {
		f := &ff[i]
		role := themes.Muted
		if len(p.all) == 0 || f.ID > p.all[0].Manifest.ID {
			role = themes.Plain
		}
		where := ""
		if f.Remote != "" {
			where = " on machine " + f.Remote
		}
		g.Text(role, 3, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, paint.Ago(p.now, f.At)+", "+string(f.Reason)+where+": "+f.Why, 3)
	}
	if rest := len(ff) - shown; rest > 0 {
		g.Text(themes.Faint, 3, paint.Part{}, paint.Count(rest, "more before", "more before"), 1)
	}
	return section(g, 2)
}

// kinds are what lies in the store besides backups, in words.
var kinds = map[catalog.Kind]string{
	catalog.Garbled: "cannot be read", catalog.Later: "of a later version", catalog.Misplaced: "not where it belongs",
	catalog.Incomplete: "incomplete", catalog.Tombstoned: "being removed", catalog.Orphan: "no manifest",
	catalog.MissingPrev: "vanished", catalog.ChangedPrev: "changed", catalog.Unread: "not read",
}

// lying is what else there is in the store.
func (p *Pane) lying(env *pane.Env, w int) stack.Section {
	pp := p.read().Listing.Problems
	if len(pp) == 0 {
		return stack.Section{}
	}
	g := page.New(env, w)
	var bytes int64
	for i := range pp {
		bytes += pp[i].Bytes
	}
	g.Heading("ALSO IN THE STORE", paint.Part{Role: themes.Muted, Text: paint.Bytes(bytes)})
	for i := range pp {
		x := &pp[i]
		size := ""
		if x.Bytes > 0 {
			size = ", " + paint.Bytes(x.Bytes)
		}
		g.Text(themes.Muted, 3, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown},
			cmp.Or(string(x.ID), x.Source.Database)+" "+cmp.Or(kinds[x.Kind], string(x.Kind))+size+": "+x.Detail, 3)
	}
	return section(g, 2)
}

// scheduled is what takes backups by itself.
func (p *Pane) scheduled(env *pane.Env, w int) stack.Section {
	g := page.New(env, w)
	ss := p.read().Scheduled
	g.Heading("SCHEDULE")
	if len(ss) == 0 {
		g.Text(themes.Muted, 3, paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown},
			"No machine of the platform takes backups. What a timer elsewhere does cannot be seen from here. "+p.command("backup schedule machine daily")+" makes one.", 3)
		return section(g, 2)
	}
	for _, s := range ss {
		g.Text(themes.Plain, 3, paint.Part{Role: themes.OK, Text: env.Glyphs.OK}, s.What+", "+s.When, 2)
	}
	return section(g, 2)
}
