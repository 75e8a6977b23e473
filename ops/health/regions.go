package health

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// regions sums the instances up by region, sorted by code.
func regions(s *Snapshot, f facts) []Region {
	byCode := map[string]*Region{}
	latencies := map[string][]time.Duration{}
	releases := map[string]map[int]bool{}
	for i := range s.Instances {
		in := &s.Instances[i]
		r, ok := byCode[in.Region]
		if !ok {
			r = &Region{
				Code:     in.Region,
				Primary:  in.Region != "" && in.Region == s.PrimaryRegion,
				Level:    LevelStopped,
				Releases: []int{},
				Latency:  f.probes.regions[in.Region],
			}
			byCode[in.Region] = r
			releases[in.Region] = map[int]bool{}
		}
		r.Total++
		r.Restarts += in.Restarts
		r.Level = worse(r.Level, in.Level)
		switch in.Level {
		case LevelOK:
			r.OK++
		case LevelStopped:
			r.Stopped++
		case LevelUnknown:
			r.Unknown++
		}
		if in.Release > 0 && in.State == fly.StateStarted {
			releases[in.Region][in.Release] = true
		}
		if in.Probe.Status > 0 {
			latencies[in.Region] = append(latencies[in.Region], in.Probe.Latency)
		}
	}
	out := make([]Region, 0, len(byCode))
	for code, r := range byCode {
		for v := range releases[code] {
			r.Releases = append(r.Releases, v)
		}
		slices.SortFunc(r.Releases, func(a, b int) int { return cmp.Compare(b, a) })
		r.P50 = median(latencies[code])
		if ll := latencies[code]; len(ll) > 0 {
			r.Max = slices.Max(ll)
		}
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Region) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// downCodes are the conditions with which an instance serves nobody, the one that explains most first.
var downCodes = []string{
	codeHostUnreachable, codeCrashLoop, codeCheckFailing, codeStopped, codeFailed, codeProbeFailed, codeProbeStatus,
}

// regionsDown are the regions in which at least two instances should run and none serves. With one instance, its own
// problem says more.
func (v *view) regionsDown(found []ops.Problem) []ops.Problem {
	down := map[string]ops.Problem{} // by instance: what explains most
	for _, p := range found {
		if p.Subject.Instance == "" || !slices.Contains(downCodes, p.Code) {
			continue
		}
		if q, ok := down[p.Subject.Instance]; !ok || slices.Index(downCodes, p.Code) < slices.Index(downCodes, q.Code) {
			down[p.Subject.Instance] = p
		}
	}
	type tally struct {
		meant, down int
		since       time.Time
		causes      []string
		detail      string
	}
	byRegion := map[string]*tally{}
	for _, b := range v.members {
		if b.m != nil && v.legitimatelyStopped(b.m) {
			continue
		}
		t, ok := byRegion[b.Region]
		if !ok {
			t = &tally{}
			byRegion[b.Region] = t
		}
		t.meant++
		if p, ok := down[b.ID]; ok {
			t.down++
			t.since = later(t.since, p.Since)
			if !slices.Contains(t.causes, p.Title) {
				t.causes = append(t.causes, p.Title)
			}
			t.detail = either(t.detail, p.Detail)
		}
	}
	var pp []ops.Problem
	for code, t := range byRegion {
		if t.meant >= 2 && t.down == t.meant {
			detail := counted(t.down, "instance") + ": " + strings.Join(t.causes, ", ")
			if t.detail != "" {
				detail += "; the first: " + t.detail
			}
			pp = append(pp, condition(codeRegionDown).Of(ops.Subject{Region: code}, t.since, plaintext.Line(detail, maxLine)))
		}
	}
	return pp
}
