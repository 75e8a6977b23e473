package migrations

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/themes"
	"ops-console/tui/glyph"
	"ops-console/tui/paint"
)

// severity is how a finding looks.
func severity(g *glyph.Set, s lint.Severity) paint.Mark {
	switch s {
	case lint.Error:
		return paint.Mark{Glyph: g.Crit, Role: themes.Crit, Word: "error"}
	case lint.Warning:
		return paint.Mark{Glyph: g.Warn, Role: themes.Warn, Word: "warning"}
	case lint.Info:
		return paint.Mark{Glyph: g.OK, Role: themes.Info, Word: "info"}
	}
	return paint.Mark{Glyph: g.OK, Role: themes.OK, Word: "nothing found"}
}

func severityWord(s lint.Severity) string { return severity(glyph.ASCII(), s).Word }

// number is n in the unit that keeps it short: "812", "12 k", "318 M".
func number(n int64) string {
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 3 {
		v /= 1000
		unit++
	}
	if unit == 0 {
		return strconv.FormatInt(n, 10)
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %c", digits, v, " kMG"[unit])
}

// rate is n in a second.
func rate(n float64) string {
	if n > 0 && n < 10 {
		return strconv.FormatFloat(n, 'f', 1, 64) + "/s"
	}
	return number(int64(n+0.5)) + "/s"
}

// hold is how long a lock would be held, in bounds; empty: nobody knows.
func hold(g *glyph.Set, h lint.Hold) string {
	if h.Hi <= 0 {
		return ""
	}
	lo, hi := span(h.Lo), span(h.Hi)
	dash := "–"
	if g.ASCII {
		dash = "-"
	}
	switch {
	case lo == hi:
		return hi
	case h.Lo <= 0:
		return "<" + hi
	}
	return lo + dash + hi
}

// span is a time in few characters: "5ms", "0.3s", "12s", "4m", "2h".
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1ms"
	case d < 100*time.Millisecond:
		return strconv.Itoa(int(d/time.Millisecond)) + "ms"
	case d < 10*time.Second:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + "s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds()+0.5)) + "s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes()+0.5)) + "m"
	}
	return strconv.Itoa(int(d.Hours()+0.5)) + "h"
}

// blocks is what waits for a lock, in few words.
func blocks(m locks.Mode) (string, themes.Role) {
	switch {
	case m.BlocksReads():
		return "reads, writes", themes.Crit
	case m.BlocksWrites():
		return "writes", themes.Warn
	}
	return "", themes.Muted
}

// lockRole is how a lock looks.
func lockRole(m locks.Mode) themes.Role {
	_, r := blocks(m)
	return r
}

// kinds are operations in words, where their own name is not a good one.
var kinds = map[ecto.Kind]string{
	ecto.RenameConstr: "rename constraint", ecto.CreateMatview: "create materialized view", ecto.RefreshMatview: "refresh materialized view",
	ecto.BrokenSQL: "SQL that does not parse", ecto.Dynamic: "SQL not known before it runs", ecto.OtherSQL: "SQL", ecto.RepoCall: "call of the repo",
	ecto.ModuleCall: "call of another module", ecto.Function: "a function", ecto.Do: "DO block", ecto.Dangling: "nothing: not created",
}

// kindText is what an operation is called.
func kindText(k ecto.Kind) string {
	if s, ok := kinds[k]; ok {
		return s
	}
	return strings.ReplaceAll(string(k), "_", " ")
}
