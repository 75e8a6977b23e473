package migrations

import (
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/prose"
)

// wrap breaks a text as prose does.
func wrap(g *page.Page, s string, w, n int) []string { return prose.Wrap(g.Env.Glyphs, s, w, n) }

// missing is the pane where there is no migration to show: what is missing, and what to do about it.
func (p *Pane) missing(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	dot := paint.Part{Role: themes.Muted, Text: env.Glyphs.Dot}
	unknown := paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}
	command := func(text, means string) {
		g.Line(func(l *paint.Line) {
			l.Gap(5).Cell(themes.String, text, min(40, max(l.Rest()/2, 0)), paint.Left).Gap(2).Text(themes.Muted, means)
		})
	}
	s := p.feed.Value
	switch {
	case p.told && !p.known:
		g.Heading("MIGRATIONS", paint.Part{Role: themes.Muted, Text: "no project is known"})
		g.Text(themes.Plain, 3, dot, "The application's source is needed: its migrations are files. Start the console in its directory, or say where it is:", 3)
		command("ops-console --project DIR", "the directory with mix.exs and priv/")
		command(`project = "~/src/changelog"`, "the same in ops-console.toml, under [app.NAME]")
		g.Text(themes.Muted, 3, paint.Part{}, "Nothing of the project is run. Without a database the files alone are judged.", 3)
	case s == nil && p.feed.Err != nil:
		g.Heading("MIGRATIONS", paint.Part{Role: themes.Stale, Text: "not known"})
		g.Text(themes.Plain, 3, unknown, p.feed.Err.Error(), 6)
		g.Text(themes.Muted, 3, paint.Part{}, "Tried "+paint.Ago(env.Now, p.feed.At)+". r tries again; so does every change of a file.", 2)
	case s == nil && p.known:
		g.Heading("MIGRATIONS", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, unknown, "The project's files are being read for the first time.", 2)
	case s == nil:
		g.Heading("MIGRATIONS", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, unknown, "Nothing is read before the console is connected.", 2)
	case len(s.Repos) == 0:
		g.Heading("MIGRATIONS", paint.Part{Role: themes.Muted, Text: "no Ecto migrations"})
		g.Text(themes.Plain, 3, dot, "There is no Ecto repo and no directory of migrations in "+s.Dir+".", 3)
		g.Text(themes.Muted, 3, paint.Part{}, "Looked for config/*.exs with ecto_repos, and for priv/*/migrations here and in apps/*. If the project is elsewhere, say where:", 4)
		command("ops-console --project DIR", "the directory with mix.exs and priv/")
	default:
		g.Heading("MIGRATIONS", paint.Part{Role: themes.Muted, Text: "none"})
		for i := range s.Repos {
			r := &s.Repos[i].Input.Repo
			dirs := "no directory"
			if len(r.Dirs) > 0 {
				dirs = r.Dirs[0]
			}
			g.Text(themes.Plain, 3, dot, r.Module+" has no migration in "+dirs+".", 3)
		}
		g.Text(themes.Muted, 3, paint.Part{}, "mix ecto.gen.migration NAME makes one; it is shown as soon as it is there.", 2)
	}
	if s != nil {
		for _, n := range s.Notes[:min(len(s.Notes), 5)] {
			g.Text(themes.Muted, 3, dot, noteText(n), 3)
		}
	}
	return g
}
