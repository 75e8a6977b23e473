package report

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/rehearse"
)

// failed are the steps that did.
func (p *Repo) failed() []rehearse.Step {
	if p.Rehearsal == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Rehearsal.Steps), func(s rehearse.Step) bool { return s.Err == "" })
}

// Agreement counts what a rehearsal came to: statements that ran, those whose locks, rewrites and scans were as predicted,
// and those that failed or did not run.
type Agreement struct {
	Ran     int `json:"ran"`
	Agree   int `json:"agree"`
	Differ  int `json:"differ"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// Agreement is what the rehearsal came to.
func (h *Rehearsal) Agreement() Agreement {
	var a Agreement
	for _, s := range h.Steps {
		switch {
		case s.Skipped != "":
			a.Skipped++
			continue
		case s.Err != "":
			a.Failed++
		}
		a.Ran++
		if len(s.Differs) > 0 {
			a.Differ++
		} else if s.Err == "" {
			a.Agree++
		}
	}
	return a
}

func (a Agreement) String() string {
	s := fmt.Sprintf("%s ran, %d as predicted", plural(a.Ran, "statement"), a.Agree)
	for _, p := range []struct {
		n    int
		word string
	}{{a.Differ, "not as predicted"}, {a.Failed, "failed"}, {a.Skipped, "not run"}} {
		if p.n > 0 {
			s += fmt.Sprintf(", %d %s", p.n, p.word)
		}
	}
	return s
}

func (p *printer) rehearsal(repo *Repo) {
	h := repo.Rehearsal
	title := "rehearsal"
	if m := repo.Input.Repo.Module; m != "" {
		title += " of " + m
	}
	p.wrapped(0, 2, title+": "+h.Agreement().String())
	for _, n := range h.Notes {
		p.wrapped(2, 2, n)
	}
	if h.Err != nil {
		p.wrapped(2, 2, "it ended early: "+h.Err.Error())
	}
	p.b.WriteByte('\n')
	last := ""
	for _, s := range h.Steps {
		if at := repo.path(s.Path); at != last {
			p.b.WriteString("  " + p.paint(strong, clean(at)) + "\n")
			last = at
		}
		p.step(s)
	}
	if len(h.Steps) > 0 {
		p.b.WriteByte('\n')
	}
}

func (p *printer) step(s rehearse.Step) {
	word, style := "as predicted", "32"
	switch {
	case s.Err != "":
		word, style = "fails", severityStyles[lint.Error]
	case s.Skipped != "":
		word, style = "not run", muted
	case len(s.Differs) > 0:
		word, style = "differs", severityStyles[lint.Warning]
	}
	sql := clean(s.SQL)
	if s.Down {
		sql = "(back) " + sql
	}
	const indent = 23
	p.b.WriteString(fmt.Sprintf("  %5d  ", s.At.Line) + p.paint(style, word))
	if sql != "" {
		p.b.WriteString(strings.Repeat(" ", indent-9-len(word)) + p.cut(sql, indent))
	}
	p.b.WriteByte('\n')
	for _, l := range s.Measured {
		p.wrapped(indent, indent+2, lockWords(l))
	}
	for _, d := range s.Differs {
		p.wrapped(indent, indent+2, "but "+d)
	}
	if s.Err != "" {
		p.wrapped(indent, indent+2, s.Err)
	}
	if s.Skipped != "" {
		p.wrapped(indent, indent+2, s.Skipped)
	}
}

// lockWords is what a statement did to a table.
func lockWords(l rehearse.Lock) string {
	words := []string{l.Mode.String() + " on " + clean(l.Table.String())}
	if l.Mode == locks.None {
		words[0] = "no lock on " + clean(l.Table.String())
	}
	if l.Held {
		words[0] += " (held already)"
	}
	if l.Rewrite {
		words = append(words, "rewritten")
	}
	if l.Scan {
		words = append(words, "scanned")
	}
	if len(l.Build) > 0 {
		words = append(words, "builds "+clean(strings.Join(l.Build, ", ")))
	}
	return strings.Join(words, ", ")
}
