package tui_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/tui"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
	"ops-console/wg"
)

var _ tui.Network = wg.Network(nil)

func TestFreezeHoldsThePictureWhileFeedsGoOn(t *testing.T) {
	c := connected(t, incident(), nil)
	old := c.pane.snap
	c.press("space")
	c.later(15 * time.Second)
	c.has("FROZEN 15s")
	next := tuitest.Snapshot(10, tuitest.Options{Now: c.now})
	c.sess.Publish(next)
	c.send(tui.Tick())
	c.now = c.now.Add(time.Second)
	c.later(0)
	if c.pane.snap != old {
		t.Fatal("the picture changed while it was frozen")
	}
	c.until("the new reading behind it", func() bool {
		c.press("space")
		ok := c.pane.snap == next
		if !ok {
			c.press("space")
		}
		return ok
	})
	c.hasNot("FROZEN")
}

func TestOlderReadingsAreDropped(t *testing.T) {
	c := connected(t, incident(), nil)
	newer := tuitest.Snapshot(10, tuitest.Options{})
	c.publish(newer)
	c.sess.PublishFeed(feed.Snapshot[*health.Snapshot]{Seq: 1, At: c.now, GoodAt: c.now, Value: incident()})
	done := tuitest.Snapshot(11, tuitest.Options{})
	c.sess.PublishFeed(tuitest.Feed(7, done))
	c.until("the newest", func() bool { return c.pane.snap == done })
	for _, m := range c.pane.seen {
		if h, ok := m.(pane.HealthMsg); ok && h.Snapshot.Seq == 1 && h.Snapshot.Value != nil && len(h.Snapshot.Value.Instances) != 42 {
			t.Error("an older reading replaced a newer one")
		}
	}
}

func TestABurstOfReadingsIsOneMessageInATenthOfASecond(t *testing.T) {
	c := connected(t, incident(), nil)
	c.pane.seen = nil
	start := time.Now()
	for i := range 200 {
		c.sess.PublishFeed(tuitest.Feed(uint64(i+10), tuitest.Snapshot(1, tuitest.Options{})))
	}
	c.until("the last", func() bool {
		for _, m := range c.pane.seen {
			if h, ok := m.(pane.HealthMsg); ok && h.Snapshot.Seq == 209 {
				return true
			}
		}
		return false
	})
	n := 0
	for _, m := range c.pane.seen {
		if _, ok := m.(pane.HealthMsg); ok {
			n++
		}
	}
	if most := int(time.Since(start)/(100*time.Millisecond)) + 2; n > most {
		t.Errorf("%d messages, want at most %d", n, most)
	}
}

func TestAConnectionThatFailsSaysWhyAndIsTriedAgain(t *testing.T) {
	tries := 0
	sess := tuitest.NewSession()
	c := newConsole(t, func(o *tui.Options) {
		o.Connect = func(context.Context) (tui.Session, error) {
			if tries++; tries < 2 {
				return nil, errors.New("401 Unauthorized; check FLY_API_TOKEN")
			}
			return sess, nil
		}
	})
	c.sess = sess
	c.has("connecting")
	c.until("the error", func() bool { return strings.Contains(c.text(), "401 Unauthorized") })
	c.has("not connected")
	c.has("again in 5s  r now")
	c.has("NOT CONNECTED")
	c.has("tried 1 time, next 14:07:37Z")
	c.press("r")
	c.publish(incident())
	c.hasNot("401")
	c.press("r")
	if sess.Refreshes() != 1 {
		t.Errorf("refreshed %d times", sess.Refreshes())
	}
}

func TestTheAlertRow(t *testing.T) {
	c := connected(t, incident(), nil)
	if got := c.row(2); !strings.Contains(got, "3 critical · 2 warning") || !strings.Contains(got, "since 13:58:32Z (9m)") || !strings.Contains(got, "restarts again and again") {
		t.Errorf("row %q", got)
	}
	c.publish(tuitest.Snapshot(5, tuitest.Options{}))
	if got := c.row(2); strings.Trim(got, "─") != "" {
		t.Errorf("row %q, want a rule", got)
	}
	c.sess.PublishFeed(feed.Snapshot[*health.Snapshot]{Seq: 99, At: c.now, GoodAt: c.now.Add(-time.Minute), Err: errors.New("machines: 503 Service Unavailable"), Value: c.pane.snap})
	c.until("the failed reading", func() bool { return strings.Contains(c.row(2), "the last reading failed") })
	if got := c.row(2); !strings.Contains(got, "503 Service Unavailable") || !strings.HasSuffix(got, "shown: 1m old") {
		t.Errorf("row %q", got)
	}
	if got := c.row(0); !strings.Contains(got, "stale, 1m old") {
		t.Errorf("row %q", got)
	}
	c.sess.PublishNetwork(tuitest.Network(tuitest.Options{Offline: true}))
	c.until("the dead network", func() bool { return strings.Contains(c.row(2), "network down for 1m 35s") })
	c.has("wg ■ dead 1m")
	for _, size := range [][2]int{{119, 30}, {79, 20}, {60, 15}, {59, 14}, {30, 5}, {10, 2}} {
		c.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		if !strings.Contains(c.text(), "▌ network"[:min(size[0], 8)]) {
			t.Errorf("at %v the alert is gone:\n%s", size, c.text())
		}
	}
	c.send(tea.WindowSizeMsg{Width: 52, Height: 12})
	c.has("needs 60x15, have 52x12")
}

func TestCloseEndsWhatWaitsAndClosesTheSession(t *testing.T) {
	c := connected(t, incident(), func(o *tui.Options) { o.ThemeDirs = []string{t.TempDir()} })
	c.do(c.m.Busy())
	if err := c.m.Close(); err != nil {
		t.Error(err)
	}
	if !c.sess.Closed() {
		t.Error("the session is still open")
	}
}
