package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"ops-console/ops/replication"
)

func TestTheLagThatPausesADeployment(t *testing.T) {
	node := func(name string, depth int, lo float64) replication.Node {
		return replication.Node{Name: name, Depth: depth, Lag: replication.Lag{Lo: &lo}}
	}
	for name, c := range map[string]struct {
		nodes         []replication.Node
		err           error
		over, unknown bool
		value         string
	}{
		"all well":       {[]replication.Node{node("ord", 0, 0), node("fra", 1, 0.2), node("syd", 2, 0.4)}, nil, false, false, "fra 0.2s at least"},
		"one far behind": {[]replication.Node{node("fra", 1, 0.2), node("syd", 2, 41)}, nil, true, false, "syd 41.0s at least"},
		"not known":      {[]replication.Node{{Name: "fra", Depth: 1}}, nil, false, true, "unknown"},
		"not read":       {nil, errors.New("down"), false, true, "unknown"},
		"no replicas":    {[]replication.Node{node("ord", 0, 99)}, nil, false, true, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			g := lagOf(&replication.Snapshot{Nodes: c.nodes}, c.err, 5*time.Second)
			if g.Over != c.over || g.Unknown != c.unknown || g.Value != c.value || g.Limit != "5s" {
				t.Errorf("got %+v", g)
			}
		})
	}
}

func TestTheLagIsReadNowAndThen(t *testing.T) {
	now, reads := time.Unix(0, 0), 0
	g := &lagGuard{now: func() time.Time { return now }, critical: time.Second, read: func(context.Context) (*replication.Snapshot, error) {
		reads++
		return nil, errors.New("down")
	}}
	for range 30 {
		g.measure(t.Context())
		now = now.Add(time.Second)
	}
	if reads != 2 {
		t.Errorf("read %d times in half a minute", reads)
	}
}
