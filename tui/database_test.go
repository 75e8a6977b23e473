package tui_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops"
	"ops-console/ops/feed"
	"ops-console/ops/replication"
	"ops-console/tui"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

var _ tui.Replication = (*replication.Watcher)(nil)

// looker is a pane that wants the replicas' readings while it is shown.
type looker struct{ *rows }

func (looker) AttendsReplication() bool { return true }

func lag(seq uint64, pp ...ops.Problem) feed.Snapshot[*replication.Snapshot] {
	now := tuitest.Now()
	return feed.Snapshot[*replication.Snapshot]{Seq: seq, At: now, GoodAt: now, Value: &replication.Snapshot{At: now, Problems: pp}}
}

// told is the last thing a pane was told of the database.
func told(p *rows) (pane.ReplicationMsg, bool) {
	for i := len(p.seen) - 1; i >= 0; i-- {
		if m, ok := p.seen[i].(pane.ReplicationMsg); ok {
			return m, true
		}
	}
	return pane.ReplicationMsg{}, false
}

func TestPanesLearnWhetherThereIsADatabase(t *testing.T) {
	without, with := tuitest.NewSession(), tuitest.NewSession()
	with.Database()
	c := newConsole(t, func(o *tui.Options) { o.Connect = inTurn(without, with, without) })
	c.sess = without
	c.publish(incident())
	if m, ok := told(c.pane); !ok || m.Known {
		t.Fatalf("told %+v %v, want that there is none", m, ok)
	}
	c.press("ctrl+r")
	c.until("the database", func() bool { m, _ := told(c.pane); return m.Known && m.Snapshot.Seq == 0 })
	with.PublishReplicas(lag(1, ops.Problem{Severity: ops.Critical, Title: "far behind", Subject: ops.Subject{Region: "syd"}}))
	c.until("its reading", func() bool { m, _ := told(c.pane); return m.Snapshot.Seq == 1 })
	c.has("far behind")
	c.press("ctrl+r")
	c.until("no database again", func() bool { m, _ := told(c.pane); return !m.Known })
	c.hasNot("far behind")
}

func TestProblemsOfAllFeedsAreOneList(t *testing.T) {
	c := connected(t, incident(), nil)
	c.has("3 critical · 2 warning")
	first := ops.Problem{Severity: ops.Critical, Title: "two primaries", Since: c.now.Add(-time.Hour)}
	c.sess.PublishReplicas(lag(1, first, ops.Problem{Severity: ops.Unknown, Title: "no answer"}))
	c.press("ctrl+r")
	c.until("both", func() bool { return strings.Contains(c.row(2), "4 critical · 2 warning · 1 unknown") })
	if !strings.Contains(c.row(2), "two primaries") {
		t.Errorf("row %q: the longest standing is not the first", c.row(2))
	}
	c.press("space")
	c.sess.PublishReplicas(lag(2))
	c.until("the reading behind the frozen picture", func() bool {
		c.press("space")
		ok := !strings.Contains(c.row(2), "two primaries")
		if !ok {
			c.press("space")
		}
		return ok
	})
}

func TestTheDatabaseIsReadWhileAPaneThatWantsItIsShown(t *testing.T) {
	sess := tuitest.NewSession()
	sess.Database()
	c := newConsole(t, func(o *tui.Options) {
		o.Connect = connectTo(sess)
		o.Panes = append(o.Panes, looker{newRows("Replication")})
	})
	c.sess = sess
	c.publish(incident())
	if sess.Attended() {
		t.Error("attended from another pane")
	}
	c.press("3")
	if !sess.Attended() {
		t.Error("not attended")
	}
	c.press("1")
	if sess.Attended() {
		t.Error("attended after it was left")
	}
}

func TestAProbeIsAnsweredWhateverHappens(t *testing.T) {
	answer := func(c *console) error {
		c.t.Helper()
		var got *pane.ProbedMsg
		c.until("an answer", func() bool {
			for _, m := range c.pane.seen {
				if p, ok := m.(pane.ProbedMsg); ok {
					got = &p
				}
			}
			return got != nil
		})
		c.pane.seen = nil
		return got.Err
	}
	c := newConsole(t, nil)
	c.send(pane.ProbeMsg{})
	if err := answer(c); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("without a session: %v", err)
	}
	c = connected(t, incident(), nil)
	c.send(pane.ProbeMsg{})
	if err := answer(c); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("without a database: %v", err)
	}
	c.sess.Database()
	c.send(pane.ProbeMsg{})
	if err := answer(c); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("while it is read-only: %v", err)
	}
	c.press("A")
	want := errors.New("the primary does not answer")
	c.sess.Probe(func(context.Context) (*replication.ProbeResult, error) { return nil, want })
	c.send(pane.ProbeMsg{})
	if err := answer(c); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	c.sess.Probe(func(context.Context) (*replication.ProbeResult, error) { return &replication.ProbeResult{}, nil })
	c.send(pane.ProbeMsg{})
	if err := answer(c); err != nil {
		t.Error(err)
	}
}

func TestAPaneSavesAFileOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	c := newConsole(t, func(o *tui.Options) {
		o.SaveDir = dir
		p := newRows("Instances")
		p.extra = []action.Action{{Name: "csv", Keys: []string{"W"}, Run: func(string) tea.Cmd {
			return func() tea.Msg { return pane.SaveMsg{Kind: "lag.csv", Text: "time,lag\n"} }
		}}}
		o.Panes = []pane.Pane{p}
	})
	c.press("W")
	c.until("the toast", func() bool { return strings.Contains(c.row(-1), "saved to") })
	got, err := os.ReadFile(filepath.Join(dir, "ops-console-changelog-20260304T140732Z-lag.csv"))
	if err != nil || string(got) != "time,lag\n" {
		t.Errorf("%q %v", got, err)
	}
}
