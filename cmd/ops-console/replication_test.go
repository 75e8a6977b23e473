package main

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"ops-console/ops/postgres"
	"ops-console/ops/replication"
)

// TestReplicationOfAWorld drives the command against real servers that are reachable through the tunnel only.
func TestReplicationOfAWorld(t *testing.T) {
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
	snap, status := read()
	var regions []string
	for _, n := range snap.Nodes {
		if n.Role == postgres.RoleReplica && n.Lag.Lo != nil && n.Lag.Hi != nil && n.LSN.Replay > 0 && !slices.Contains(regions, n.Region) {
			regions = append(regions, n.Region)
		}
	}
	if status != 0 || snap.Primary == "" || len(regions) < 3 {
		t.Errorf("status %d, primary %q, replicas with bounds in %q", status, snap.Primary, regions)
	}

	for _, tt := range []struct {
		fault  []string
		state  replication.State
		status int
	}{
		{[]string{"replica-pause"}, replication.Paused, 0},
		{[]string{"slot-loss"}, replication.Lost, statusBadNews},
		{[]string{"promote"}, replication.SplitBrain, statusBadNews},
	} {
		s.control(t, append([]string{"fault"}, tt.fault...)...)
		until(t, time.Minute, tt.fault[0]+" shows", func() bool {
			snap, status := read()
			return status == tt.status && slices.ContainsFunc(snap.Nodes, func(n replication.Node) bool { return n.State == tt.state })
		})
		s.control(t, "clear", tt.fault[0])
		until(t, time.Minute, tt.fault[0]+" is over", func() bool {
			snap, status := read()
			return status == 0 && !slices.ContainsFunc(snap.Nodes, func(n replication.Node) bool { return n.State == tt.state })
		})
	}
}
