package replication

import (
	"fmt"
	"testing"
	"time"
)

// loaded is a primary with n replicas, a slot for each, and five minutes of history.
func loaded(n int) *cluster {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("r%02d", i))
	}
	c := newCluster(Settings{App: "a", PrimaryRegion: "px", AppRegions: []string{"px", "r01x"}}, names...)
	c.log = writes(-10, 400, 0.1, 1000)
	c.edit = func(name string, r *Reading) {
		if name != "p" {
			return
		}
		safe := int64(1 << 30)
		for _, s := range r.Senders {
			r.Slots = append(r.Slots, SlotRow{Name: "slot_" + s.Application, Type: "physical", Active: true, ActivePID: s.PID, Restart: s.Flush, WALStatus: "reserved", Safe: &safe})
		}
	}
	c.run(0, 300, behind(0.04), nil)
	return c
}

func BenchmarkSnapshot20Replicas(b *testing.B) {
	c := loaded(20)
	now := at(300)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		c.t.Snapshot(now)
	}
}

// BenchmarkSecond20Replicas is all that a Tracker does in a second: a reading of each node, five flush LSNs, and a snapshot.
func BenchmarkSecond20Replicas(b *testing.B) {
	c := loaded(20)
	c.log = writes(-10, 40, 0.1, 1000)
	end := c.log[len(c.log)-1].lsn
	s := 300.0
	b.ReportAllocs()
	for b.Loop() {
		end += 1000
		c.log = append(c.log[:0], mark{sent: at(s), lsn: end})
		c.run(s, s+1, behind(0), nil)
		s++
	}
}
