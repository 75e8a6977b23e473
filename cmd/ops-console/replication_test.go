package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"ops-console/ops"
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
)

// TestReplicationOfAWorld drives the command against real servers that are reachable through the tunnel only.
func TestReplicationOfAWorld(t *testing.T) {
	t.Parallel()
	s := startSim(t, "--scenario", "calm", "--database", "on")
	read := func() (replication.Snapshot, int) {
		t.Helper()
		r := run(t, sandbox(t), program, s.args("replication", "--format", "json")...)
		var snap replication.Snapshot
		if err := json.Unmarshal([]byte(r.stdout), &snap); err != nil {
			t.Fatalf("status %d: %v\n%s\n%s", r.status, err, r.stdout, r.stderr)
		}
		return snap, r.status
	}
	until(t, time.Minute, "all to be well, with bounds of replicas in three regions", func() bool {
		snap, status := read()
		var regions []string
		for _, n := range snap.Nodes {
			if n.Role == postgres.RoleReplica && n.Lag.Lo != nil && n.Lag.Hi != nil && n.LSN.Replay > 0 && !slices.Contains(regions, n.Region) {
				regions = append(regions, n.Region)
			}
		}
		return status == 0 && snap.Primary != "" && len(regions) >= 3
	})

	// A replica that stands still is behind by five seconds before a reading ends: that is critical where instances read.
	for _, tt := range []struct {
		fault    string
		state    replication.State
		problems []string
	}{
		{"replica-pause", replication.Paused, []string{"replication.paused", "replication.lag_critical"}},
		{"replica-cut", replication.Detached, []string{"replication.detached", "replication.lag_critical"}},
		{"slot-loss", replication.Lost, []string{"replication.lost"}},
		{"promote", replication.SplitBrain, []string{"replication.split_brain"}},
	} {
		s.control(t, "fault", tt.fault)
		until(t, time.Minute, fmt.Sprintf("%s to show, with problems %q", tt.fault, tt.problems), func() bool {
			snap, status := read()
			i := slices.IndexFunc(snap.Nodes, func(n replication.Node) bool { return n.State == tt.state })
			if status != statusBadNews || i < 0 {
				return false
			}
			for _, code := range tt.problems {
				if !slices.ContainsFunc(snap.Problems, func(p ops.Problem) bool { return p.Code == code }) {
					return false
				}
			}
			if l := snap.Nodes[i].Lag; tt.state == replication.Detached && (l.Lo == nil || *l.Lo == 0) {
				t.Errorf("%s: lag %s, want at least something", tt.fault, l)
			}
			return true
		})
		s.control(t, "clear", tt.fault)
		until(t, time.Minute, tt.fault+" to be over", func() bool {
			snap, status := read()
			return status == 0 && len(snap.Problems) == 0
		})
	}
}
