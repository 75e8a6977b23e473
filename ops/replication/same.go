package replication

import "ops-console/ops"

// Same reports whether two snapshots say the same of what is wrong: the verdict, the problems, who is primary, and the
// states of the nodes and slots. Positions, lags and ages differ all the time.
func (s *Snapshot) Same(o *Snapshot) bool {
	if s.Verdict != o.Verdict || s.Primary != o.Primary || s.Timeline != o.Timeline ||
		len(s.Problems) != len(o.Problems) || len(s.Nodes) != len(o.Nodes) || len(s.Slots) != len(o.Slots) || len(s.Notes) != len(o.Notes) {
		return false
	}
	said := map[any]any{}
	for _, p := range s.Problems {
		said[problemKey{p.Code, p.Subject}] = p.Severity
	}
	for _, n := range s.Nodes {
		said[nodeKey(n.Name)] = nodeValue(n)
	}
	for _, l := range s.Slots {
		said[slotKey{l.Node, l.Name}] = slotValue(l)
	}
	for _, p := range o.Problems {
		if v, ok := said[problemKey{p.Code, p.Subject}]; !ok || v != p.Severity {
			return false
		}
	}
	for _, n := range o.Nodes {
		if v, ok := said[nodeKey(n.Name)]; !ok || v != nodeValue(n) {
			return false
		}
	}
	for _, l := range o.Slots {
		if v, ok := said[slotKey{l.Node, l.Name}]; !ok || v != slotValue(l) {
			return false
		}
	}
	return true
}

type (
	problemKey struct {
		code    string
		subject ops.Subject
	}
	nodeKey  string
	slotKey  struct{ node, name string }
	slotSaid struct {
		active bool
		status string
		level  Level
	}
	nodeSaid struct {
		state    State
		level    Level
		upstream string
	}
)

func nodeValue(n Node) nodeSaid { return nodeSaid{n.State, n.Level, n.Upstream} }

func slotValue(s Slot) slotSaid { return slotSaid{s.Active, s.WALStatus, s.Level} }
