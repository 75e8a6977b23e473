package instances

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/health"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// detail is all that is known of one instance: what is wrong first, then what each source says, then the rest.
func (p *Pane) detail(env *pane.Env, r *row, w int) *page.Page {
	g := page.New(env, w)
	mark := paint.Level(env.Glyphs, r.Level)
	g.Line(func(l *paint.Line) {
		l.Rule(strings.TrimSpace(r.Region+" "+r.ID), paint.Part{Role: mark.Role, Text: mark.Glyph + " " + mark.Word})
	})
	p.detailProblems(g, r)
	p.detailSources(g, r)
	p.detailChecks(g, r)
	p.detailProbe(g, r)
	p.detailContent(g, r)
	p.detailIdentity(g, r)
	p.detailHistory(g, r)
	return g
}

func (p *Pane) detailProblems(g *page.Page, r *row) {
	for _, e := range r.problems {
		mark := paint.Severity(g.Env.Glyphs, e.Severity)
		g.Line(func(l *paint.Line) {
			l.Gap(1).Text(mark.Role, mark.Glyph).Gap(1)
			end := paint.Part{Role: mark.Role, Text: strings.ToUpper(mark.Word)}
			l.Max(themes.Strong, e.Title, l.Rest()-len(end.Text)-len(since(g.Env.Now, e.Since))-4)
			l.Right(paint.Part{Role: themes.Muted, Text: since(g.Env.Now, e.Since) + "  "}, end)
		})
		g.Text(themes.Plain, 3, paint.Part{}, e.Detail, 4)
		g.Text(themes.Accent, 5, paint.Part{Role: themes.Accent, Text: g.Env.Glyphs.Right}, e.Hint, 3)
	}
}

// detailSources sets what each source says below one another, each with its age.
func (p *Pane) detailSources(g *page.Page, r *row) {
	now := g.Env.Now
	var right []paint.Part
	if r.disagree != "" {
		right = []paint.Part{{Role: themes.Warn, Text: g.Env.Glyphs.Warn + " they disagree"}}
	}
	g.Heading("SOURCES", right...)
	platform, role := r.State, themes.Plain
	if platform == "" {
		platform, role = "state unknown", themes.Stale
	}
	if n := len(r.Checks); n > 0 {
		platform += ", checks " + strconv.Itoa(r.passing) + "/" + strconv.Itoa(n)
	}
	if r.HostStatus != "" && r.HostStatus != "ok" {
		platform, role = platform+", host "+r.HostStatus, themes.Stale
	}
	g.Fact("platform", platform, role, aged(now, r.PlatformAt))
	switch d := r.DNS; {
	case !d.Known:
		g.Fact("DNS", "not known", themes.Stale, aged(now, d.At))
	case d.Listed:
		g.Fact("DNS", "listed", themes.Plain, aged(now, d.At))
	default:
		g.Fact("DNS", "not listed", themes.Plain, aged(now, d.At))
	}
	text, role := probeText(r.Probe)
	g.Fact("probe", text, role, aged(now, r.Probe.At))
	if r.disagree != "" {
		g.Text(themes.Warn, page.LabelX, paint.Part{}, r.disagree, 3)
	}
	if r.Retained {
		g.Text(themes.Stale, 4, paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown}, "The newest list leaves it out, and nothing else confirms that it is gone.", 3)
	}
}

// probeText says how a probe ended in words.
func probeText(p health.Probe) (string, themes.Role) {
	switch p.State {
	case health.ProbeOK:
		return "answers " + strconv.Itoa(p.Status) + " in " + paint.Latency(p.Latency), themes.Plain
	case health.ProbeBadStatus:
		return "answers " + strconv.Itoa(p.Status) + " in " + paint.Latency(p.Latency), themes.Crit
	case health.ProbeRefused:
		return "refuses connections", themes.Crit
	case health.ProbeTimeout:
		return "does not answer in time", themes.Crit
	case health.ProbeError:
		return "failed", themes.Crit
	case health.ProbeNoNetwork:
		return "not possible: no network", themes.Stale
	}
	return "not probed", themes.Muted
}

func (p *Pane) detailChecks(g *page.Page, r *row) {
	if len(r.Checks) == 0 {
		return
	}
	g.Heading("CHECKS", paint.Part{Role: themes.Muted, Text: strconv.Itoa(r.passing) + "/" + strconv.Itoa(len(r.Checks)) + " passing"})
	cells := 0
	for _, c := range r.Checks {
		cells = max(cells, paint.Width(head(c.Name, 64), g.Env.Glyphs))
	}
	cells = min(cells, 20, g.W/3)
	for _, c := range r.Checks {
		mark := checkMark(g.Env, c)
		g.Line(func(l *paint.Line) {
			l.Gap(2).Text(mark.Role, mark.Glyph).Gap(1).Cell(themes.Plain, c.Name, cells, paint.Left).Gap(2).Max(mark.Role, c.Status, 10)
			if !c.Routing {
				l.Text(themes.Faint, ", not for routing")
			}
			l.Right(paint.Part{Role: themes.Muted, Text: since(g.Env.Now, c.Since)})
		})
		if c.Status == passing {
			g.Text(themes.Faint, 4, paint.Part{}, c.Output, 1)
		} else {
			g.Text(themes.Plain, 4, paint.Part{}, c.Output, 6)
		}
	}
}

func checkMark(env *pane.Env, c health.Check) paint.Mark {
	switch c.Status {
	case passing:
		return paint.Level(env.Glyphs, health.LevelOK)
	case "critical":
		return paint.Level(env.Glyphs, health.LevelCritical)
	case "warning":
		return paint.Level(env.Glyphs, health.LevelWarning)
	}
	return paint.Level(env.Glyphs, health.LevelUnknown)
}

func (p *Pane) detailProbe(g *page.Page, r *row) {
	pr := r.Probe
	if pr.State == health.ProbeNone && len(pr.History) == 0 {
		return
	}
	g.Heading("PROBE", paint.Part{Role: themes.Muted, Text: prefixed(string(pr.State)+" for ", since(g.Env.Now, pr.Since))})
	if n := len(pr.History); n > 0 {
		fastest, usual, slowest, failed := spread(pr.History)
		g.Line(func(l *paint.Line) { history(l.Gap(2), pr.History, usual) })
		text := paint.Count(n, "probe", "probes")
		if failed > 0 {
			text += ", " + strconv.Itoa(failed) + " failed"
		}
		if slowest > 0 {
			text += ", " + paint.Latency(fastest) + " to " + paint.Latency(slowest)
		}
		g.Line(func(l *paint.Line) { l.Gap(2).Text(themes.Faint, text) })
	}
	if pr.State != health.ProbeOK {
		g.Fact("last good", paint.Ago(g.Env.Now, pr.LastOK), themes.Plain, "")
	}
	if pr.Error != "" {
		g.Text(themes.Plain, 2, paint.Part{}, pr.Error, 4)
	}
	if pr.Release != "" {
		g.Fact("header", pr.Release, themes.Muted, "")
	}
}

// history draws probes as a sparkline, the usual latency at half height, and each that failed as a point.
func history(l *paint.Line, samples []health.Sample, usual time.Duration) {
	samples = samples[max(len(samples)-l.Rest(), 0):]
	for len(samples) > 0 {
		n := 0
		for n < len(samples) && samples[n].State == health.ProbeOK {
			n++
		}
		values := make([]float64, n)
		for i := range values {
			values[i] = samples[i].Latency.Seconds()
		}
		l.Spark(themes.Muted, values, n, 2*usual.Seconds())
		samples = samples[n:]
		for len(samples) > 0 && samples[0].State != health.ProbeOK {
			role := themes.Crit
			if s := samples[0].State; s == health.ProbeNoNetwork || s == health.ProbeNone {
				role = themes.Stale
			}
			l.Text(role, l.Glyphs.PlotDot)
			samples = samples[1:]
		}
	}
}

// spread is how long the probes that succeeded took, and how many did not.
func spread(samples []health.Sample) (fastest, usual, slowest time.Duration, failed int) {
	var took []time.Duration
	for _, s := range samples {
		if s.State == health.ProbeOK {
			took = append(took, s.Latency)
		} else {
			failed++
		}
	}
	if len(took) == 0 {
		return 0, 0, 0, failed
	}
	slices.Sort(took)
	return took[0], took[len(took)/2], took[len(took)-1], failed
}

// detailContent says for each path, and for the cluster, with how many others this instance is of one mind.
func (p *Pane) detailContent(g *page.Page, r *row) {
	s := p.feed.Value
	if len(s.Agreement) == 0 && s.Cluster == nil {
		return
	}
	g.Heading("AGREEMENT")
	cells := page.LabelX - 3
	for _, a := range s.Agreement {
		cells = max(cells, min(paint.Width(head(a.Path, 64), g.Env.Glyphs), g.W/3))
	}
	say := func(label, text string, role themes.Role, at time.Time) {
		g.Labelled(label, cells, text, role, aged(g.Env.Now, at))
	}
	for _, a := range s.Agreement {
		text, role := "not asked", themes.Stale
		sizes := make([]int, len(a.Groups))
		for i, group := range a.Groups {
			sizes[i] = len(group.Instances)
			switch {
			case !slices.Contains(group.Instances, r.ID):
			case group.Error != "":
				text, role = group.Error, themes.Warn
			default:
				text, role = sameAs(sizes, i, "same as", "differs from"), standing(i)
			}
		}
		say(a.Path, text, role, a.At)
	}
	if c := s.Cluster; c != nil {
		text, role := "not asked", themes.Stale
		sizes := make([]int, len(c.Groups))
		for i, group := range c.Groups {
			sizes[i] = len(group.Instances)
			if slices.Contains(group.Instances, r.ID) {
				text, role = sameAs(sizes, i, "sees", "cut off from"), standing(i)
			}
		}
		for _, u := range c.Unknown {
			if u.Instance == r.ID {
				text = "not known: " + u.Error
			}
		}
		say("cluster", text, role, c.At)
	}
}

// standing is how the members of a group are shown: all but the largest group stand out.
func standing(i int) themes.Role {
	if i > 0 {
		return themes.Warn
	}
	return themes.Muted
}

// sameAs is "same as 40 others", or for all but the largest group how many that differs from.
func sameAs(groups []int, i int, verb, not string) string {
	if i > 0 {
		return not + " " + paint.Count(groups[0], "other", "others")
	}
	if groups[0] == 1 {
		return verb + " no other"
	}
	return verb + " " + paint.Count(groups[0]-1, "other", "others")
}

func (p *Pane) detailIdentity(g *page.Page, r *row) {
	now := g.Env.Now
	g.Heading("IDENTITY")
	rel, role := release(r.Release), themes.Plain
	if r.ReleaseID != "" && rel != "" {
		rel += " (" + r.ReleaseID + ")"
	}
	if r.old {
		rel, role = rel+", an older one", themes.Warn
	}
	image, imageRole := r.Image, themes.Plain
	sum := r.Digest
	if r.odd {
		sum, imageRole = sum+", not what others of its release run", themes.Warn
	}
	for _, f := range []struct {
		label, value string
		role         themes.Role
	}{
		{"name", r.Name, themes.Plain},
		{"region", r.Region, themes.Plain},
		{"group", r.ProcessGroup, themes.Plain},
		{"address", r.Address, themes.Plain},
		{"release", rel, role},
		{"image", image, themes.Muted},
		{"digest", sum, imageRole},
		{"version", r.Version, themes.Muted},
		{"size", size(r.Instance), themes.Plain},
		{"host", r.HostStatus, themes.Plain},
		{"flags", flags(r.Instance), themes.Plain},
		{"created", stamp(now, r.CreatedAt), themes.Muted},
		{"started", stamp(now, r.StartedAt), themes.Muted},
		{"restarts", strconv.Itoa(r.Restarts) + ", " + paint.Count(r.OOMKills, "kill", "kills") + " for memory", themes.Plain},
	} {
		g.Fact(f.label, f.value, f.role, "")
	}
}

func flags(in *health.Instance) string {
	var said []string
	for _, f := range []struct {
		on   bool
		word string
	}{{in.Cordoned, "cordoned"}, {in.Autostop, "may be stopped when idle"}, {in.Standby, "standby"}, {in.Retained, "missing from the newest list"}} {
		if f.on {
			said = append(said, f.word)
		}
	}
	return strings.Join(said, ", ")
}

func (p *Pane) detailHistory(g *page.Page, r *row) {
	if x := r.LastExit; x != nil {
		g.Heading("LAST EXIT", paint.Part{Role: themes.Muted, Text: paint.Ago(g.Env.Now, x.At)})
		role := themes.Plain
		if x.OOM {
			role = themes.Warn
		}
		g.Text(role, 2, paint.Part{}, exitText(x), 2)
	}
	if len(r.Events) == 0 {
		return
	}
	g.Heading("EVENTS", paint.Part{Role: themes.Muted, Text: "newest first"})
	for _, e := range r.Events {
		g.Line(func(l *paint.Line) {
			l.Gap(2).Cell(themes.Faint, clock(g.Env.Now, e.At), 12, paint.Left).Gap(1)
			l.Cell(themes.Plain, e.Type, 8, paint.Left).Gap(1).Cell(themes.Muted, e.Status, 10, paint.Left).Gap(1)
			if e.Exit != nil {
				l.Text(themes.Plain, exitText(e.Exit))
			} else {
				l.Text(themes.Faint, prefixed("by ", e.Source))
			}
		})
	}
}

// exitText is "code 137, signal 9, killed for memory, restarting".
func exitText(x *health.Exit) string {
	said := []string{"code " + strconv.Itoa(x.Code)}
	if x.Signal != 0 {
		said = append(said, "signal "+strconv.Itoa(x.Signal))
	}
	for _, f := range []struct {
		on   bool
		word string
	}{{x.OOM, "killed for memory"}, {x.RequestedStop, "stop was asked for"}, {x.Restarting, "restarting"}} {
		if f.on {
			said = append(said, f.word)
		}
	}
	return strings.Join(said, ", ")
}

// stamp is "13:54:32Z, 13m 4s ago".
func stamp(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return clock(now, t) + ", " + paint.Ago(now, t)
}

func clock(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return paint.Clock(now, t)
}

// aged is how old a fact is; nothing where it was never read.
func aged(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return paint.Old(now, t)
}

// since is how long something has held; nothing where that is not known.
func since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return paint.Duration(now.Sub(t).Truncate(time.Second))
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
