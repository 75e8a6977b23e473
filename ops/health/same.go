package health

import "ops-console/ops"

// Same reports whether two snapshots say the same of what is wrong: the verdict, the problems, and which sources answer.
// Ages, latencies and details differ all the time.
func (s *Snapshot) Same(o *Snapshot) bool {
	if s.Verdict != o.Verdict || len(s.Problems) != len(o.Problems) || len(s.Instances) != len(o.Instances) ||
		s.Sources.Platform.OK != o.Sources.Platform.OK || s.Sources.DNS.OK != o.Sources.DNS.OK || s.Sources.Probes.OK != o.Sources.Probes.OK ||
		s.Network.State != o.Network.State {
		return false
	}
	type key struct {
		code    string
		subject ops.Subject
	}
	seen := make(map[key]ops.Severity, len(s.Problems))
	for _, p := range s.Problems {
		seen[key{p.Code, p.Subject}] = p.Severity
	}
	for _, p := range o.Problems {
		if severity, ok := seen[key{p.Code, p.Subject}]; !ok || severity != p.Severity {
			return false
		}
	}
	return true
}
