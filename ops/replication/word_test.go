package replication

import (
	"strings"
	"testing"
	"time"

	"ops-console/ops/postgres"
)

// When a receiver last heard something is told by the node's clock. One that jumps ahead makes nobody silent whose
// readings show that word arrives.
func TestAClockThatIsSetIsNotSilence(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(name string, r *Reading)
		state State
	}{
		{"clock 30 s ahead of what the receiver says", func(_ string, r *Reading) {
			if r.InRecovery {
				r.Now = r.Now.Add(30 * time.Second)
			}
		}, Streaming},
		{"no word for long, whatever the clock says", func(_ string, r *Reading) {
			if r.InRecovery && r.Sent.After(at(20)) {
				r.Receiver.LastGot = at(20)
				r.Positions.Receive, r.Positions.Replay, r.Receiver.Written, r.Receiver.Flushed = 1<<24, 1<<24, 1<<24, 1<<24
			}
		}, Silent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{}, "r")
			c.log = writes(0, 60, 0.05, 100)
			c.edit = tt.edit
			s := c.run(0, 40, behind(0.5), nil)
			if n := find(s, "r"); n.State != tt.state {
				t.Errorf("state %s (%s), want %s", n.State, n.Reason, tt.state)
			}
		})
	}
}

// A replica whose link was cut replays what it still has: that does not come from an archive.
func TestAnArchiveIsOnlyNamedWhereWALCameAnotherWay(t *testing.T) {
	for _, archived := range []bool{false, true} {
		c := newCluster(Settings{}, "r")
		c.log = writes(0, 60, 0.05, 100)
		c.edit = func(name string, r *Reading) {
			if r.Sent.Before(at(20)) {
				return
			}
			r.Senders = nil
			if r.InRecovery {
				r.Receiver = nil
				r.Positions.Receive = c.log.upTo(at(20))
				if !archived {
					r.Positions.Replay = r.Positions.Receive
				}
			}
		}
		n := find(c.run(0, 27, behind(0.5), nil), "r")
		if n.State != Detached || strings.Contains(n.Reason, "archive") != archived {
			t.Errorf("archived %v: %s, %s", archived, n.State, n.Reason)
		}
	}
}

// A replica that could not be read for a while answers again: before its answer is judged, what it was long ago is not
// shown as what it is.
func TestWhatWasLongAgoIsNotShownWhenANodeAnswersAgain(t *testing.T) {
	c := newCluster(Settings{}, "r")
	c.log = writes(0, 60, 0.05, 100)
	c.run(0, 20, behind(0.01), nil)
	stuck := c.log.upTo(at(20))
	for s := 20.0; s < 30; s++ {
		c.primary(at(s), map[string]LSN{"r": stuck})
		c.fail("r", at(s+0.9), postgres.FailTimeout)
		c.sample(at(s + 0.95))
		c.t.Snapshot(at(s + 0.97))
	}
	c.primary(at(30), map[string]LSN{"r": stuck})
	c.replica("r", at(30.1), c.log.upTo(at(30.1)))
	l := find(c.t.Snapshot(at(30.15)), "r").Lag
	if age := at(30.15).Sub(l.At); age > 1500*time.Millisecond || l.Hi == nil || *l.Hi < 8 {
		t.Errorf("lag %s of %v ago, want what the primary said", l, age)
	}
	c.sample(at(30.3))
	if l := find(c.t.Snapshot(at(30.35)), "r").Lag; l.Hi == nil || *l.Hi > 1 {
		t.Errorf("lag %s, want none once the answer is judged", l)
	}
}
