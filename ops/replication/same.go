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
		said[saidProblem{p.Code, p.Subject}] = p.Severity
	}
	for _, n := range s.Nodes {
		said[saidNode(n.Name)] = wordOfNode(n)
	}
	for _, l := range s.Slots {
		said[saidSlot{l.Node, l.Name}] = wordOfSlot(l)
	}
	for _, p := range o.Problems {
		if v, ok := said[saidProblem{p.Code, p.Subject}]; !ok || v != p.Severity {
			return false
		}
	}
	for _, n := range o.Nodes {
		if v, ok := said[saidNode(n.Name)]; !ok || v != wordOfNode(n) {
			return false
		}
	}
	for _, l := range o.Slots {
		if v, ok := said[saidSlot{l.Node, l.Name}]; !ok || v != wordOfSlot(l) {
			return false
		}
	}
	return true
}

type (
	saidProblem struct {
		code    string
		subject ops.Subject
	}
	saidNode string
	saidSlot struct{ node, name string }
	slotWord struct {
		active bool
		status string
		level  Level
	}
	nodeWord struct {
		state    State
		level    Level
		upstream string
	}
)

func wordOfNode(n Node) nodeWord { return nodeWord{n.State, n.Level, n.Upstream} }

func wordOfSlot(s Slot) slotWord { return slotWord{s.Active, s.WALStatus, s.Level} }
