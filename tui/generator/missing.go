package generator

import (
	"ops-console/ops/phoenix"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// missing is the pane where there is nothing to compare: what is missing, and what to do about it.
func (p *Pane) missing(env *pane.Env, w int) *page.Page {
	g := page.New(env, w)
	dot := paint.Part{Role: themes.Muted, Text: env.Glyphs.Dot}
	unknown := paint.Part{Role: themes.Stale, Text: env.Glyphs.Unknown}
	command := func(text, means string) {
		g.Line(func(l *paint.Line) {
			if l.Gap(5); means == "" {
				l.Text(themes.String, text)
				return
			}
			l.Cell(themes.String, text, min(38, max(l.Rest()/2, 0)), paint.Left).Gap(2).Text(themes.Muted, means)
		})
	}
	s := p.value()
	switch {
	case s != nil && s.Question != nil:
		g.Heading("GENERATOR", paint.Part{Role: themes.Warn, Text: "waits for an answer"})
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Warn, Text: env.Glyphs.Warn}, s.Question.String(), 6)
	case s == nil:
		g.Heading("GENERATOR", paint.Part{Role: themes.Stale, Text: "not known yet"})
		g.Text(themes.Plain, 3, unknown, "Nothing is read before the console is connected.", 2)
	case s.Source == "":
		g.Heading("GENERATOR", paint.Part{Role: themes.Muted, Text: "no source of generated trees"})
		g.Text(themes.Plain, 3, dot, "To compare what Phoenix generates, trees that it generated are needed. A clone of the phoenix-diff project has those of all versions:", 3)
		command("git clone --depth 1 https://github.com/phoenix-diff/phoenix-diff", "")
		command(`snapshots = "~/src/phoenix-diff"`, "under [app.NAME.generator] in config.toml")
		g.Text(themes.Muted, 3, paint.Part{}, "A directory, an archive or a repository will do, as a path or a URL; docs/generator.md has the details.", 3)
	case s.Err != nil:
		g.Heading("GENERATOR", paint.Part{Role: themes.Stale, Text: "not compared"})
		g.Text(themes.Plain, 3, unknown, s.Err.Error(), 6)
		if len(s.Versions)+len(s.Others) > 0 {
			others := "f and t choose other versions, F other flags, X another generator"
			if s.Wanted.Generator() == phoenix.Auth {
				others += ", N says other names"
			}
			g.Text(themes.Muted, 3, paint.Part{}, others+"; r tries again.", 2)
		} else if s.Wanted.Generator() != phoenix.Project {
			g.Text(themes.Muted, 3, paint.Part{}, "X chooses another generator; r tries again. docs/generator.md says how a snapshot of its trees is laid out.", 2)
		} else {
			g.Text(themes.Muted, 3, paint.Part{}, "Trees are looked for in "+s.Source+". r tries again. A snapshot on this machine needs no network:", 3)
			command("git clone --depth 1 https://github.com/phoenix-diff/phoenix-diff", "")
			command(`snapshots = "~/src/phoenix-diff"`, "under [app.NAME.generator] in config.toml")
		}
		p.offered(g)
	case s.Loading:
		g.Heading("GENERATOR", paint.Part{Role: themes.Info, Text: "loading"})
		g.Text(themes.Plain, 3, paint.Part{Role: themes.Info, Text: env.Glyphs.Running[0]}, "Loading "+p.wanted()+" from "+s.Source+", since "+paint.Duration(env.Now.Sub(s.At))+".", 3)
	case len(s.Pairs) == 0:
		g.Heading("GENERATOR", paint.Part{Role: themes.Stale, Text: "not loaded yet"})
		g.Text(themes.Plain, 3, unknown, "Trees are loaded from "+s.Source+" as soon as this pane is looked at.", 3)
	case s.Dir == "":
		g.Heading("MY FILES", paint.Part{Role: themes.Muted, Text: "no project is known"})
		g.Text(themes.Plain, 3, dot, "The application's source is needed. Start the console in its directory, or say where it is:", 3)
		command("ops-console --project DIR", "the directory with mix.exs")
		command(`project = "~/src/changelog"`, "the same in ops-console.toml, under [app.NAME]")
		g.Text(themes.Muted, 3, paint.Part{}, "m goes back to what the generator changed.", 2)
	default:
		g.Heading("MY FILES", paint.Part{Role: themes.Stale, Text: "not compared"})
		text := "The application could not be compared."
		if s.ProjectErr != nil {
			text = s.ProjectErr.Error()
		}
		g.Text(themes.Plain, 3, unknown, text, 6)
		g.Text(themes.Muted, 3, paint.Part{}, "r tries again; m goes back to what the generator changed.", 2)
	}
	return g
}

// offered appends which flags there are trees with, of the new version.
func (p *Pane) offered(g *page.Page) {
	s := p.value()
	c := s.Wanted
	n := 0
	for _, spec := range s.Specs {
		if spec.Version != c.To || spec.Axis != c.Generator() || n >= 12 {
			continue
		}
		if n == 0 {
			g.Heading("THERE IS", paint.Part{Role: themes.Muted, Text: c.To.String()})
		}
		n++
		f := spec.Flags.String()
		if f == "" {
			f = "without flags"
		}
		g.Line(func(l *paint.Line) { l.Gap(3).Text(themes.Plain, f) })
	}
}
