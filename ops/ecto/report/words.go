package report

import (
	"fmt"
	"strings"
	"time"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
)

// How much of a text is shown.
const (
	maxLines = 80
	maxText  = 6000
)

// clean makes a text one line that is safe to show.
func clean(s string) string { return plaintext.Line(s, maxText) }

// cleanAll is clean of each.
func cleanAll(ss []string) []string {
	out := make([]string, 0, len(ss))
	for _, s := range ss {
		out = append(out, clean(s))
	}
	return out
}

// block makes code safe to show; its lines and their indentation stay.
func block(s string) string { return plaintext.Block(s, maxLines, maxText) }

// message is a finding as a few lines of text, for where there is no layout.
func message(f *lint.Finding) string {
	var b strings.Builder
	b.WriteString(clean(headline(f)))
	line := func(label, s string) {
		if s != "" {
			b.WriteString("\n" + label + ": " + s)
		}
	}
	line("lock", lockText(f))
	line("why", clean(strings.Join(f.Why, "; ")))
	line("instead", clean(f.Recipe))
	if f.Code != "" {
		b.WriteString("\n\n" + block(f.Code))
	}
	return b.String()
}

// headline is what is the matter.
func headline(f *lint.Finding) string {
	if f.Down {
		return "on the way back: " + f.Text
	}
	return f.Text
}

// lockText says which lock, what waits for it, and how long; empty: there is none.
func lockText(f *lint.Finding) string {
	if f.Mode == locks.None {
		return ""
	}
	s := f.Mode.String()
	if f.Table.Name != "" {
		s += " on " + clean(f.Table.String())
	}
	s += ", " + blocks(f.Mode)
	if h := hold(f.Hold); h != "" {
		s += ", for about " + h
	}
	return s
}

// blocks says what waits for a lock.
func blocks(m locks.Mode) string {
	switch {
	case m.BlocksReads():
		return "reads and writes wait"
	case m.Conflicts(locks.RowExclusive):
		return "writes wait"
	}
	return "neither reads nor writes wait"
}

// hold is how long a lock would be held, with the basis of that.
func hold(h lint.Hold) string {
	if h.Lo == 0 && h.Hi == 0 {
		return ""
	}
	s := span(h.Hi)
	if lo := span(h.Lo); lo != s {
		s = lo + " to " + s
	}
	if h.Basis != "" {
		s += " (" + clean(h.Basis) + ")"
	}
	return s
}

// span is a length of time for people, with the digits that matter in an estimate.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return page.Ago(d)
}

// summary is the last line: how much was looked at and what was found.
func (r *Report) summary() string {
	n := r.checked()
	s := plural(n, "migration")
	c := r.Count()
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Error, "error"}, {c.Warning, "warning"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.word))
		}
	}
	if c.Info > 0 {
		parts = append(parts, fmt.Sprintf("%d info", c.Info))
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing found")
	}
	s += ": " + strings.Join(parts, ", ")
	if c.Suppressed > 0 {
		s += fmt.Sprintf(" (and %d suppressed)", c.Suppressed)
	}
	return s
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
