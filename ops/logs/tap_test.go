package logs

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"ops-console/ops/fly"
)

// counting is a platform that has a new line at each question.
type counting struct {
	asked atomic.Int64
	query atomic.Value // the latest fly.LogQuery
}

func (c *counting) App(context.Context, string) (fly.App, error) {
	return fly.App{}, errors.New("no app is known")
}

func (c *counting) Logs(_ context.Context, _ string, q fly.LogQuery) (fly.LogPage, error) {
	c.query.Store(q)
	n := c.asked.Add(1)
	line, err := json.Marshal(map[string]any{"message": "line " + strconv.FormatInt(n, 10), "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "level": "info"})
	return fly.LogPage{Entries: []json.RawMessage{line}, Next: strconv.FormatInt(n, 10)}, err
}

func newCounting(t *testing.T, linger time.Duration) (*Tap, *counting) {
	t.Helper()
	c := &counting{}
	o := Options{App: "changelog", Platform: c, Token: func(context.Context) (fly.Token, error) { return fly.Token{}, errors.New("no token") }, timing: usual()}
	o.timing.publish, o.timing.poll = time.Millisecond, time.Millisecond
	tap, err := newTap(t.Context(), o, linger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tap.Close)
	return tap, c
}

// await waits until what was published is as wanted.
func await(t *testing.T, tap *Tap, what string, ok func(Snapshot) bool) Snapshot {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		changed := tap.Changed()
		if s := tap.Latest(); ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("never %s; %+v", what, tap.Latest().State)
		}
	}
}

func lines(n int) func(Snapshot) bool { return func(s Snapshot) bool { return s.Lines.Len() >= n } }

func TestATapAsksForNothingBeforeSomebodyLooks(t *testing.T) {
	tap, c := newCounting(t, time.Hour)
	if tap.Latest().Seq != 0 || c.asked.Load() != 0 {
		t.Fatalf("asked %d times", c.asked.Load())
	}
	tap.Attend(true)
	await(t, tap, "three lines", lines(3))
	tap.Close()
	tap.Close()
	if n := c.asked.Load(); n < 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestATapThatNobodyLooksAtGoesOnForAWhileInSilence(t *testing.T) {
	tap, c := newCounting(t, time.Hour)
	tap.Attend(true)
	await(t, tap, "three lines", lines(3))
	tap.Attend(false)
	// What was on its way may still be published; then there is silence, while the platform is asked on.
	for seq, asked := uint64(0), int64(0); ; {
		before := tap.Latest()
		if before.Seq == seq && c.asked.Load() >= asked+20 {
			break
		}
		if before.Seq != seq {
			seq, asked = before.Seq, c.asked.Load()
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the platform is not asked any more")
		case <-time.After(time.Millisecond):
		}
	}
	before := tap.Latest()
	tap.Attend(true)
	s := await(t, tap, "what came meanwhile", lines(before.Lines.Len()+10))
	if s.Lines.Line(before.Lines.Last()) != before.Lines.Line(before.Lines.Last()) {
		t.Error("it began anew")
	}
}

func TestATapEndsAndBeginsAnew(t *testing.T) {
	tap, _ := newCounting(t, time.Millisecond)
	tap.Attend(true)
	first := await(t, tap, "three lines", lines(3))
	tap.Attend(false)
	empty := await(t, tap, "empty", func(s Snapshot) bool { return s.Seq > first.Seq && s.Lines.Len() == 0 })
	if empty.State != (State{}) {
		t.Errorf("while nothing is followed: %+v", empty.State)
	}
	tap.Attend(true)
	again := await(t, tap, "a line", func(s Snapshot) bool { return s.Seq > empty.Seq && s.Lines.Len() > 0 })
	if again.Lines.First() != 1 {
		t.Errorf("the first line has number %d", again.Lines.First())
	}
}

func TestThePastOfAMachineIsAskedForOnce(t *testing.T) {
	tap, c := newCounting(t, time.Hour)
	ll, err := tap.Past(t.Context(), "91857a", "lhr")
	if err != nil || len(ll) != 1 || ll[0].Message != "line 1" || c.asked.Load() != 1 {
		t.Errorf("%v, %v, asked %d times", ll, err, c.asked.Load())
	}
	if got, want := c.query.Load(), (fly.LogQuery{Machine: "91857a", Region: "lhr"}); got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
}

func TestATapRefusesOptionsThatNameNoApp(t *testing.T) {
	if _, err := NewTap(t.Context(), Options{}); err == nil {
		t.Error("no error")
	}
}
