package tui_test

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops/feed"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source"
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

// upgrade is a comparison against an application's files.
func upgrade(t *testing.T, seq uint64) feed.Snapshot[*compare.Snapshot] {
	t.Helper()
	old, new := phoenixtest.Named(t, "1.6.16/default", "orchard", "Orchard"), phoenixtest.Named(t, "1.7.14/default", "orchard", "Orchard")
	f := comparison(seq, "1.6.16", "1.7.14")
	s := f.Value
	pairs, err := diff.Trees(old, new, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := merge.Classify(old, new, phoenixtest.Orchard(t), merge.Options{Rand: strings.NewReader(strings.Repeat("0123456789", 1000))})
	if err != nil {
		t.Fatal(err)
	}
	s.Pairs, s.Plan, s.Dir, s.App, s.Done = pairs, &plan, "/src/orchard", "orchard", map[string]bool{}
	return f
}

// upgrading is a console that shows an application's files against two versions.
func upgrading(t *testing.T, f feed.Snapshot[*compare.Snapshot], change func(*tui.Options)) *console {
	t.Helper()
	c := connected(t, incident(), func(o *tui.Options) {
		o.Panes, o.Open = append(o.Panes, generator.New()), "generator?view=mine"
		if change != nil {
			change(o)
		}
	})
	c.sess.PublishComparison(f)
	c.press("ctrl+r")
	c.until("the comparison", func() bool { return c.m.Comparison().At.Equal(f.Value.At) && len(c.m.Comparison().Pairs) > 0 })
	return c
}

func TestWhatIsTakenOfTheGeneratorIsShownAndAskedBeforeItIsWritten(t *testing.T) {
	c := upgrading(t, upgrade(t, 1), nil)
	c.sess.Apply(func(m pane.ApplyMsg) ([]merge.Written, error) {
		return []merge.Written{{Path: "mix.exs"}, {Path: "config/dev.exs", Conflicts: 2}}, nil
	})
	c.press("*", "a")
	c.has("A arms for 5 minutes")
	c.press("A", "a")
	c.has("APPLY")
	c.has("Writes 23 files in /src/orchard")
	c.has("lib/orchard_web/endpoint.ex")
	c.has("1-")
	c.hasNot("test/test_helper.exs")
	for range 40 {
		c.press("j")
	}
	c.has("error_json_test.exs")
	c.press("enter", "esc")
	c.has("apply: not done")
	if applied, _ := c.sess.Applied(); len(applied) != 0 {
		t.Fatalf("%d were written without a yes", len(applied))
	}
	c.press("a", "y")
	c.until("word of what was written", func() bool { return strings.Contains(c.text(), "wrote 2 files, with 2 conflicts between markers") })
	applied, _ := c.sess.Applied()
	if len(applied) != 1 || len(applied[0].Choices) < 5 {
		t.Errorf("%+v", applied)
	}
	c.has("conflicts between markers to resolve: config/dev.exs")
}

func TestNothingOfTheGeneratorIsWrittenThatWasNotAllowed(t *testing.T) {
	for name, change := range map[string]func(*tui.Options){"not armed": nil, "read-only": func(o *tui.Options) { o.ReadOnly = true }} {
		f := upgrade(t, 1)
		c := upgrading(t, f, change)
		c.press("A")
		if name == "not armed" {
			c.press("A")
		}
		c.send(pane.ApplyMsg{Plan: f.Value.Plan, Choices: []merge.Choice{{Path: "mix.exs"}}})
		c.until("the refusal", func() bool { return strings.Contains(c.text(), "nothing was written") })
		if applied, _ := c.sess.Applied(); len(applied) != 0 {
			t.Errorf("%s: it was written", name)
		}
	}
}

func TestAFilesOwnVersionReachesTheSession(t *testing.T) {
	c := upgrading(t, upgrade(t, 1), nil)
	want := pane.RebaseMsg{Key: "mix.exs", Version: phoenix.MustVersion("1.5.8")}
	c.send(want)
	c.until("it", func() bool {
		_, rebased := c.sess.Applied()
		return len(rebased) == 1 && rebased[0] == want
	})
}

// asking is a comparison that waits for the answer to a question.
func asking(t *testing.T, seq uint64, version string) (feed.Snapshot[*compare.Snapshot], *source.Question) {
	f := upgrade(t, seq)
	q := &source.Question{
		Package: "phx_new", Version: version, URL: "https://repo.example.com/tarballs/phx_new-" + version + ".tar", SHA256: strings.Repeat("ab12", 16),
		Retired: "security: use another", Elixir: "1.18.4", Program: "/usr/bin/elixir",
	}
	f.Value.Loading, f.Value.Question = true, q
	return f, q
}

func TestAGeneratorIsRunAfterAYesOnly(t *testing.T) {
	f, q := asking(t, 1, "1.8.7")
	c := upgrading(t, f, nil)
	c.until("the question", func() bool { return strings.Contains(c.text(), "RUN THE GENERATOR") })
	for _, fact := range []string{"phx_new 1.8.7", "https://repo.example.com/tarballs/phx_new-1.8.7.tar", q.SHA256, "Elixir 1.18.4, /usr/bin/elixir", "security: use another", "code from the registry"} {
		c.has(fact)
	}
	c.press("y") // it was meant for what was there before
	if _, ok := c.sess.Answered(q); ok {
		t.Fatal("a key on its way was taken for the answer")
	}
	c.later(time.Second)
	c.press("enter")
	c.send(tea.PasteMsg{Content: "y"})
	if _, ok := c.sess.Answered(q); ok {
		t.Fatal("enter, or a paste, is no yes")
	}
	c.press("y")
	if run, ok := c.sess.Answered(q); !ok || !run {
		t.Errorf("answered %t, %t", run, ok)
	}
	c.hasNot("RUN THE GENERATOR")
	c.later(time.Second)
	c.hasNot("RUN THE GENERATOR") // the question is in what was read last, and answered

	f, q = asking(t, 2, "1.8.6")
	c.sess.PublishComparison(f)
	c.until("the next question", func() bool {
		return strings.Contains(c.text(), "phx_new 1.8.6") && strings.Contains(c.text(), "RUN THE GENERATOR")
	})
	c.later(time.Second)
	c.press("esc")
	if run, ok := c.sess.Answered(q); !ok || run {
		t.Errorf("answered %t, %t", run, ok)
	}
}

func TestAQuestionWaitsUntilItsPaneIsShownAndNothingElseIsOpen(t *testing.T) {
	c := upgrading(t, upgrade(t, 1), nil)
	publish := func(seq uint64, version string) *source.Question {
		f, q := asking(t, seq, version)
		c.sess.PublishComparison(f)
		c.until("the question", func() bool { return c.m.Comparison().Question == q })
		return q
	}
	c.press("1")
	q := publish(2, "1.8.7")
	c.hasNot("RUN THE GENERATOR")
	c.press("3")
	c.has("RUN THE GENERATOR")
	c.press("A")
	c.later(6 * time.Minute) // what ends is the arming, not the question
	c.has("RUN THE GENERATOR")
	if _, ok := c.sess.Answered(q); ok {
		t.Error("it was answered")
	}
	c.press("esc", "?")
	publish(3, "1.8.6")
	c.hasNot("RUN THE GENERATOR")
	c.press("esc")
	c.has("RUN THE GENERATOR")
	c.later(time.Second)
	c.press("esc", ":")
	publish(4, "1.8.5")
	c.hasNot("RUN THE GENERATOR")
	c.press("esc")
	c.has("RUN THE GENERATOR")
}
