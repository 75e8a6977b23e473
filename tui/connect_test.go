package tui_test

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui"
	"ops-console/tui/tuitest"
)

// one after the other, the last one again and again.
func inTurn(ss ...*tuitest.Session) func(context.Context) (tui.Session, error) {
	n := -1
	return func(context.Context) (tui.Session, error) {
		n = min(n+1, len(ss)-1)
		return ss[n], nil
	}
}

func TestReconnectingKeepsThePictureUntilThereIsAnother(t *testing.T) {
	first, second := tuitest.NewSession(), tuitest.NewSession()
	c := newConsole(t, func(o *tui.Options) { o.Connect = inTurn(first, second) })
	c.sess = first
	for range 3 { // the numbers of the second session's readings are lower
		c.publish(incident())
	}
	before := c.pane.snap
	c.press("ctrl+r")
	if c.pane.snap != before {
		t.Error("what was read last is gone")
	}
	c.has("connecting again")
	c.until("the first session to be closed", func() bool { return first.Closed() && !strings.Contains(c.row(2), "connecting") })
	if c.pane.snap != before {
		t.Error("what was read last is gone")
	}
	c.sess = second
	c.publish(tuitest.Snapshot(5, tuitest.Options{}))
	if second.Closed() {
		t.Error("the second session is closed")
	}
}

func TestAMissingNetworkIsLookedForUntilItIsThere(t *testing.T) {
	apart, still, joined := tuitest.NewSession(), tuitest.NewSession(), tuitest.NewSession()
	apart.Apart()
	still.Apart()
	c := newConsole(t, func(o *tui.Options) { o.Connect = inTurn(apart, still, joined) })
	c.sess = apart
	c.publish(incident())
	c.has("not joined")
	c.later(31 * time.Second)
	c.until("the session that found none either to be closed", still.Closed)
	if apart.Closed() {
		t.Error("the session that reads was given up for one without a network")
	}
	c.publish(tuitest.Snapshot(5, tuitest.Options{}))
	c.until("the network", func() bool {
		if !strings.Contains(c.text(), "not joined") {
			return true
		}
		c.later(31 * time.Second)
		return false
	})
	c.until("the first session to be closed", apart.Closed)
	c.has("the network is joined")
	c.sess = joined
	c.publish(incident())
}

func TestNotesAreSaidAtTheStart(t *testing.T) {
	c := newConsole(t, func(o *tui.Options) {
		o.Notes = []string{"ops-console.toml is not used: another file was named", "wg.conf is old"}
	})
	if got, want := c.row(-1), " ✓ ops-console.toml is not used: another file was named (L: 1 more)"; got != want {
		t.Errorf("row %q, want %q", got, want)
	}
	c.press("L")
	c.has("wg.conf is old")
}

func TestATerminalWithoutASizeIsGivenNothing(t *testing.T) {
	c := newConsole(t, nil)
	c.send(tea.WindowSizeMsg{})
	// Only an alternate screen may be empty: the line of an ordinary one would be cleared with each frame.
	if v := c.m.View(); v.Content != "" || !v.AltScreen {
		t.Errorf("view %+v", v)
	}
}
