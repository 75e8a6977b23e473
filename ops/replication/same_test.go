package replication_test

import (
	"testing"
	"time"

	"ops-console/ops"
	"ops-console/ops/replication"
)

func TestSame(t *testing.T) {
	made := func() *replication.Snapshot {
		return &replication.Snapshot{
			Verdict: replication.Unhealthy, Primary: "p", Timeline: 1, Notes: []string{"a"},
			Problems: []ops.Problem{{Code: "a", Severity: ops.Critical, Subject: ops.Subject{Region: "lax"}}, {Code: "a", Severity: ops.Warning, Subject: ops.Subject{Region: "fra"}}},
			Nodes:    []replication.Node{{Name: "p", State: replication.Primary, Level: replication.LevelOK}, {Name: "r", State: replication.Paused, Level: replication.LevelWarning, Upstream: "p"}},
			Slots:    []replication.Slot{{Node: "p", Name: "r", Active: true, WALStatus: "reserved", Level: replication.LevelOK}},
		}
	}
	tests := []struct {
		name   string
		change func(*replication.Snapshot)
		want   bool
	}{
		{"nothing", func(*replication.Snapshot) {}, true},
		{"time and positions", func(s *replication.Snapshot) {
			s.At, s.Flush = time.Now(), 7
			s.Nodes[1].LSN.Replay, s.Nodes[1].Reason = 5, "another reason"
			s.Problems[0].Detail = "more"
		}, true},
		{"order of problems", func(s *replication.Snapshot) { s.Problems[0], s.Problems[1] = s.Problems[1], s.Problems[0] }, true},
		{"verdict", func(s *replication.Snapshot) { s.Verdict = replication.Healthy }, false},
		{"primary", func(s *replication.Snapshot) { s.Primary = "r" }, false},
		{"timeline", func(s *replication.Snapshot) { s.Timeline = 2 }, false},
		{"a problem more", func(s *replication.Snapshot) { s.Problems = append(s.Problems, ops.Problem{Code: "b"}) }, false},
		{"a problem elsewhere", func(s *replication.Snapshot) { s.Problems[0].Subject.Region = "syd" }, false},
		{"a problem's severity", func(s *replication.Snapshot) { s.Problems[0].Severity = ops.Warning }, false},
		{"a node's state", func(s *replication.Snapshot) { s.Nodes[1].State = replication.CatchUp }, false},
		{"a node's upstream", func(s *replication.Snapshot) { s.Nodes[1].Upstream = "q" }, false},
		{"a node's name", func(s *replication.Snapshot) { s.Nodes[1].Name = "q" }, false},
		{"a slot's status", func(s *replication.Snapshot) { s.Slots[0].WALStatus = "lost" }, false},
		{"a slot's name", func(s *replication.Snapshot) { s.Slots[0].Name = "other" }, false},
		{"a note more", func(s *replication.Snapshot) { s.Notes = nil }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := made(), made()
			tt.change(b)
			if a.Same(b) != tt.want || b.Same(a) != tt.want {
				t.Errorf("Same says %v and %v, want %v", a.Same(b), b.Same(a), tt.want)
			}
		})
	}
}
