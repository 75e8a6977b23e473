package replication

import "time"

// clockReadings is how many readings a clock is judged by.
const clockReadings = 16

// clock compares a node's clock with ours as NTP does: of the last readings the one with the shortest round trip says it,
// for there the moment of the answer is known best.
type clock struct {
	seen [clockReadings]struct{ offset, trip time.Duration }
	n    int // of all that came
}

func (c *clock) add(r *Reading) {
	if r.Now.IsZero() {
		return
	}
	// Without the monotonic part: the node knows only what a clock on a wall says.
	at := middle(r.Sent, r.Received).Round(0)
	s := &c.seen[c.n%clockReadings]
	s.offset, s.trip = r.Now.Sub(at), r.Received.Sub(r.Sent)
	c.n++
}

func (c *clock) known() bool { return c.n > 0 }

func (c *clock) best() int {
	best := 0
	for i := 1; i < min(c.n, clockReadings); i++ {
		if c.seen[i].trip < c.seen[best].trip {
			best = i
		}
	}
	return best
}

// offset is how far the node's clock is ahead of ours.
func (c *clock) offset() time.Duration { return c.seen[c.best()].offset }

func (c *clock) skew() *Skew {
	if !c.known() {
		return nil
	}
	s := c.seen[c.best()]
	return &Skew{Offset: s.offset.Seconds(), Error: s.trip.Seconds() / 2}
}
