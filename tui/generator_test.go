package tui_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/feed"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/tui"
	"ops-console/tui/generator"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

var _ tui.Generator = (*compare.Watcher)(nil)

// comparison is one that found nothing to show, of the versions that there are.
func comparison(seq uint64, versions ...string) feed.Snapshot[*compare.Snapshot] {
	s := &compare.Snapshot{At: tuitest.Now(), Source: "snapshot ~/trees"}
	for _, v := range versions {
		s.Versions = append(s.Versions, phoenix.MustVersion(v))
	}
	if len(versions) > 1 {
		s.Choice = compare.Choice{From: s.Versions[0], To: s.Versions[len(versions)-1]}
	}
	return feed.Snapshot[*compare.Snapshot]{Seq: seq, At: s.At, GoodAt: s.At, Value: s}
}

func TestGeneratedTreesAreLoadedWhileTheirPaneIsShown(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) { o.Panes = append(o.Panes, generator.New()) })
	c.sess.PublishComparison(comparison(1))
	c.press("ctrl+r")
	c.until("the session again", func() bool { return c.sess.Generator() != nil })
	if c.sess.Looking() {
		t.Error("nobody looks, and trees are loaded")
	}
	c.send(pane.OpenMsg{Address: "generator"})
	c.until("somebody looks", c.sess.Looking)
	c.press("1")
	c.until("nobody looks", func() bool { return !c.sess.Looking() })
}

func TestAChoiceOfVersionsReachesTheSession(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) { o.Panes, o.Open = append(o.Panes, generator.New()), "generator" })
	c.sess.PublishComparison(comparison(1, "1.6.16", "1.7.14", "1.8.8"))
	c.press("ctrl+r")
	c.until("the versions", func() bool { c.press("esc", "f"); return strings.Contains(c.text(), "1.7.14") })
	c.press("j", "enter")
	want := []compare.Choice{{From: phoenix.MustVersion("1.6.16"), To: phoenix.MustVersion("1.8.8")}}
	c.until("the question", func() bool { asked, _ := c.sess.Asked(); return len(asked) > 0 })
	asked, _ := c.sess.Asked()
	if d := cmp.Diff(want[0].To, asked[0].To); d != "" {
		t.Error(d)
	}
	c.send(pane.MarkMsg{Key: "mix.exs", Done: true})
	c.until("the mark", func() bool {
		_, marked := c.sess.Asked()
		return len(marked) == 1 && marked[0] == pane.MarkMsg{Key: "mix.exs", Done: true}
	})
}

func TestWithoutGeneratedTreesAChoiceIsRefused(t *testing.T) {
	c := connected(t, incident(), nil)
	c.send(pane.CompareMsg{})
	c.has("generated trees are not compared here")
}
