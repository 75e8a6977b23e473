package scenario_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// fewest is how many claims of a scenario have to be judged.
const fewest = 3

// examine holds everything that was said against the truth.
func examine(t *testing.T, r *run, c *console, others *rivals) {
	t.Helper()
	visible, wal := split(append(slices.Clone(c.claims), others.claims...))
	jj := append(judge(visible, r.o.commits), judge(wal, r.o.wal)...)
	// What the other methods say of a long transaction is compared with what readers miss: nothing.
	for i, j := range jj {
		if bulky(j.scenario) && j.method != byConsole {
			jj[i].truth, jj[i].known = r.o.commits(j.node, j.from, j.to)
		}
	}
	sums := map[string]map[string]tally{}
	for _, s := range scenarios(jj) {
		sums[s] = map[string]tally{}
		for _, m := range methods {
			sums[s][m] = sum(slices.DeleteFunc(slices.Clone(jj), func(j judged) bool { return j.scenario != s || j.method != m }))
		}
	}
	text := table(scenarios(jj), sums)
	t.Log("\n" + text)
	if file := os.Getenv("OPS_CONSOLE_SCENARIO_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(sums)) {
		ours := sums[s][byConsole]
		if w := ours.worst; ours.wrong > 0 {
			t.Errorf("%s: %d of %d claims are wrong, the worst by %.0f ms: of %s at %s, lag in [%.3f, %.3f], in truth in [%.3f, %.3f]", s, ours.wrong, ours.sure(),
				1000*w.off(), w.node, w.to.Format("05.000"), w.lo, w.hi, w.truth.lo.Seconds(), w.truth.hi.Seconds())
		}
		if ours.sure() < fewest && !strings.HasPrefix(s, "at other") {
			t.Errorf("%s: of %d claims the console made %d and the oracle can judge %d: too few", s, ours.n, ours.n-ours.silent, ours.sure())
		}
		if ours.silent*5 > ours.n {
			t.Errorf("%s: of %d times the console said %d times that it does not know", s, ours.n, ours.silent)
		}
		if o := c.stalest[s]; o.age > stale {
			t.Errorf("%s: what was shown of %s at %s was %.1f s old (%s, lag from %s, last read at %s)", s, o.node.Name, o.at.Format("05.000"),
				o.age.Seconds(), o.node.State, o.node.Lag.Source, o.node.ReadAt.Format("05.000"))
		}
	}
	for _, m := range liars {
		if got := sums[m.scenario][m.method]; got.wrong == 0 {
			t.Errorf("the judge finds nothing wrong with %q in %q (%d claims, error up to %.3f s): it would find nothing wrong with anybody", m.method, m.scenario, got.sure(), got.most)
		}
	}
	for _, n := range append([]string{"primary"}, replicas...) {
		c.states(t, n, r.turns[n], func(from, to time.Time) bool { return r.o.behind(n, from, to) })
	}
}

// stale is how old a lag that is shown may be: a reading every second, the next sample, and a round trip that fails.
const stale = 4 * time.Second

// liars are methods and the scenarios in which they are known to be wrong. Where a method may well say nothing, as replay_lag
// of an idle link does, it is none.
var liars = []struct{ method, scenario string }{
	{byTimestamp, "idle, r1"},
	{byTimestamp, "load, clock +30 s"},
	{byTimestamp, "one long transaction, r1"},
	{byCase, "one long transaction, r1"},
	{byCase, "network cut"},
	{byCase, "cascade below the cut"},
	{byCase, "black hole"},
	{byReplayLag, "black hole"},
}

func bulky(scenario string) bool {
	return strings.HasPrefix(scenario, "one long transaction") || scenario == otherBulk
}

// split puts aside the claims that are about WAL of which nothing is committed, and drops those of nodes that are not
// replicas any more.
func split(claims []claim) (visible, wal []claim) {
	for _, c := range claims {
		switch {
		case c.scenario == unjudged:
		case bulky(c.scenario):
			wal = append(wal, c)
		default:
			visible = append(visible, c)
		}
	}
	return visible, wal
}

// scenarios in the order in which they ran.
func scenarios(jj []judged) []string {
	first := map[string]time.Time{}
	for _, j := range jj {
		if at, ok := first[j.scenario]; !ok || j.from.Before(at) {
			first[j.scenario] = j.from
		}
	}
	return slices.SortedFunc(maps.Keys(first), func(a, b string) int { return first[a].Compare(first[b]) })
}

// behind tells whether a replica was about a second behind or more at some moment of a time.
func (o *oracle) behind(node string, from, to time.Time) bool {
	for at := from; at.Before(to); at = at.Add(100 * time.Millisecond) {
		if t, ok := o.commits(node, at, at); ok && t.hi > 900*time.Millisecond {
			return true
		}
	}
	return false
}

func table(order []string, sums map[string]map[string]tally) string {
	var b strings.Builder
	b.WriteString("| scenario (true lag up to) | " + strings.Join(methods, " | ") + " | inside its bounds | their mean width |\n")
	b.WriteString("|---|" + strings.Repeat("---|", len(methods)+2) + "\n")
	for _, s := range order {
		ours, deepest := sums[s][byConsole], 0.0
		for _, t := range sums[s] {
			deepest = max(deepest, t.deepest)
		}
		fmt.Fprintf(&b, "| %s (%.1f s) |", s, deepest)
		for _, m := range methods {
			b.WriteString(" " + sums[s][m].cell() + " |")
		}
		fmt.Fprintf(&b, " %d/%d | %.2f s |\n", ours.sure()-ours.wrong, ours.sure(), ours.width)
	}
	return b.String()
}

// cell is a method's median and greatest error, and how often it said nothing.
func (t tally) cell() string {
	if t.n == 0 || t.silent == t.n {
		return "nothing"
	}
	figures := fmt.Sprintf("%.2f / %.2f", t.median, t.most)
	if t.most > 1 {
		figures = "**" + figures + "**"
	}
	if t.silent > 0 {
		figures += fmt.Sprintf(", nothing %d %%", 100*t.silent/t.n)
	}
	return figures
}
