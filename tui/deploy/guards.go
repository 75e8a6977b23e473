package deploy

import (
	"math"
	"time"

	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
	"ops-console/tui/stack"
)

// Where the parts of a guard's line begin.
const (
	guardName   = 2
	guardValue  = 11 // its end is guardLimit - 1
	guardLimit  = 18
	guardSpark  = 29
	guardSparks = 24 // cells of the sparkline at most
)

// guardAged is from when on it is said how old a measurement is: one that is read again after 15 s, of metrics that come half a
// minute late, is no older.
const guardAged = time.Minute

// guards are the measurements that pause it by themselves.
func (p *Pane) guards(env *pane.Env, w int, d *watch.Deployment) stack.Section {
	gg := d.Progress.Guards
	if len(gg) == 0 {
		return stack.Section{}
	}
	g := page.New(env, w)
	g.Heading("GUARDS", paint.Part{Role: themes.Muted, Text: "auto-pause"})
	for i := range gg {
		p.guard(g, &gg[i])
	}
	return section(g, 1+len(gg))
}

// guard is one of them: "● 5xx  0.18% < 1%  ▁▁▂", and in further lines what there is to say of it.
func (p *Pane) guard(g *page.Page, x *engine.Guard) {
	mark, role := paint.Part{Role: themes.OK, Text: g.Env.Glyphs.OK}, themes.Plain
	switch {
	case x.Unknown:
		mark, role = paint.Part{Role: themes.Stale, Text: g.Env.Glyphs.Unknown}, themes.Stale
	case x.Over:
		mark, role = paint.Part{Role: themes.Crit, Text: g.Env.Glyphs.Crit}, themes.Crit
	case x.Limit == "":
		mark = paint.Part{Role: themes.Muted, Text: g.Env.Glyphs.OK}
	}
	g.Line(func(l *paint.Line) {
		l.Parts(mark).To(guardName).Cell(themes.Plain, x.Name, guardValue-guardName-1, paint.Left).To(guardValue)
		if x.Unknown {
			l.Text(role, "not known")
		} else {
			l.Cell(role, x.Value, guardLimit-guardValue-1, paint.Right).To(guardLimit)
			word, limit := compared(x)
			l.Text(role, word).Text(themes.Muted, limit)
		}
		if n := min(l.Rest()-max(guardSpark-l.X(), 1), guardSparks); n > 2 {
			l.To(max(guardSpark, l.X()+1)).Spark(sparkRole(x), x.Recent, n, top(x))
		}
	})
	if text := p.aside(x); text != "" {
		g.Text(themes.Muted, guardName, paint.Part{}, text, 2)
	}
}

// compared is how a value stands to its limit, and the limit.
func compared(x *engine.Guard) (word, limit string) {
	switch {
	case x.Limit == "":
		return "", "no limit"
	case x.Over:
		return "over ", x.Limit
	case x.Value == x.Limit:
		return "= ", x.Limit
	}
	return "< ", x.Limit
}

// aside is what else there is to say: why it is not known, what is over, how it was before, how old it is.
func (p *Pane) aside(x *engine.Guard) string {
	switch age := p.now.Sub(x.At); {
	case x.Unknown:
		return x.Why
	case x.Over:
		text := "pauses it"
		if x.Where != "" {
			text += ": " + x.Where
		}
		if x.Before != "" {
			text += "; " + x.Before + " before"
		}
		if age > guardAged && !x.At.IsZero() {
			text += "; " + paint.Duration(age.Truncate(time.Second)) + " old"
		}
		return text
	case age > guardAged && !x.At.IsZero():
		return paint.Duration(age.Truncate(time.Second)) + " old"
	}
	return ""
}

func sparkRole(x *engine.Guard) themes.Role {
	if x.Over {
		return themes.Plain
	}
	return themes.Muted
}

// top is the value of a full cell: the limit, or what was over it; where there is none, twice of what there was, so that what
// stays as it is lies in the middle.
func top(x *engine.Guard) float64 {
	most := 0.0
	for _, v := range x.Recent {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			most = max(most, v)
		}
	}
	if x.Top == 0 {
		return 2 * most
	}
	return max(x.Top, most)
}
