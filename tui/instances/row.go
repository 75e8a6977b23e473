package instances

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/tui/ident"
)

// row is an instance as the table shows it, with what can only be told from all of them together.
type row struct {
	*health.Instance
	short    string
	passing  int           // of its checks
	problems []ops.Problem // worst first
	old      bool          // another release is newer
	odd      bool          // most instances of its process group and release run another image
	disagree string        // where its sources contradict each other; empty: they do not
}

// rows are the instances of a snapshot: by region, the ones with a problem first, and within a region the same way.
func rows(s *health.Snapshot, names ident.Names) []row {
	var (
		out    = make([]row, len(s.Instances))
		by     = map[string][]ops.Problem{}
		newest = 0
	)
	for _, p := range s.Problems {
		if id := p.Subject.Instance; id != "" {
			by[id] = append(by[id], p)
		}
	}
	for i := range s.Instances {
		newest = max(newest, s.Instances[i].Release)
	}
	usual := digests(s.Instances)
	for i := range s.Instances {
		in := &s.Instances[i]
		r := row{Instance: in, short: names.Short(in.ID), problems: by[in.ID]}
		for _, c := range in.Checks {
			if c.Status == passing {
				r.passing++
			}
		}
		r.old = in.Release != 0 && in.Release != newest
		r.odd = in.Digest != "" && in.Digest != usual[cohort{in.ProcessGroup, in.Release}]
		r.disagree = disagreement(in, r.passing)
		out[i] = r
	}
	order(out, s)
	return out
}

// passing is the platform's word for a check that is well.
const passing = "passing"

// cohort are the instances that should run the same image.
type cohort struct {
	group   string
	release int
}

// digests is the image that most instances of each cohort run.
func digests(ii []health.Instance) map[cohort]string {
	type image struct {
		cohort
		digest string
	}
	count := map[image]int{}
	for i := range ii {
		if ii[i].Digest != "" {
			count[image{cohort{ii[i].ProcessGroup, ii[i].Release}, ii[i].Digest}]++
		}
	}
	most, best := map[cohort]string{}, map[cohort]int{}
	for k, n := range count {
		if n > best[k.cohort] || n == best[k.cohort] && k.digest < most[k.cohort] {
			most[k.cohort], best[k.cohort] = k.digest, n
		}
	}
	return most
}

// order sorts rows by region, those regions first that need a look, then the primary; within one by level and id.
func order(rr []row, s *health.Snapshot) {
	type place struct {
		level   int
		primary bool
	}
	places := make(map[string]place, len(s.Regions))
	for _, r := range s.Regions {
		places[r.Code] = place{r.Level.Rank(), r.Primary}
	}
	slices.SortFunc(rr, func(a, b row) int {
		if a.Region != b.Region {
			pa, pb := places[a.Region], places[b.Region]
			c := cmp.Compare(pa.level, pb.level)
			if c == 0 && pa.primary != pb.primary {
				c = 1
				if pa.primary {
					c = -1
				}
			}
			return cmp.Or(c, cmp.Compare(a.Region, b.Region))
		}
		return cmp.Or(cmp.Compare(a.Level.Rank(), b.Level.Rank()), cmp.Compare(a.ID, b.ID))
	})
}

// disagreement is where what the platform says, what DNS says and what the instance answered cannot all be true:
// "platform ok, probe refused". A source that is silent contradicts nobody.
func disagreement(in *health.Instance, passing int) string {
	var (
		answers = in.Probe.State == health.ProbeOK
		silent  = answersBadly(in.Probe)
		checked = len(in.Checks) > 0
		well    = checked && passing == len(in.Checks)
		said    []string
	)
	switch {
	case in.State == "started" && well && silent != "":
		said = append(said, "checks pass, probe "+silent)
	case in.State == "started" && !checked && silent != "" && in.HostStatus == "ok":
		said = append(said, "platform started, probe "+silent)
	case checked && !well && answers:
		said = append(said, "checks "+strconv.Itoa(passing)+"/"+strconv.Itoa(len(in.Checks))+", probe ok")
	case answers && (in.State == "stopped" || in.State == "suspended" || in.State == "destroyed"):
		said = append(said, "platform "+in.State+", probe ok")
	case answers && in.HostStatus != "" && in.HostStatus != "ok":
		said = append(said, "host "+in.HostStatus+", probe ok")
	}
	if in.DNS.Known {
		switch {
		case in.State == "started" && !in.DNS.Listed:
			said = append(said, "started, not in DNS")
		case in.State == "stopped" && in.DNS.Listed:
			said = append(said, "stopped, still in DNS")
		case in.DNS.Listed && in.DNS.Address != "" && in.Address != "" && in.DNS.Address != in.Address:
			said = append(said, "DNS has another address")
		}
	}
	if r, v := releaseNumber(in.Probe.Release), in.Release; answers && r != 0 && v != 0 && r != v {
		said = append(said, "platform v"+strconv.Itoa(v)+", probe v"+strconv.Itoa(r))
	}
	return strings.Join(said, "; ")
}

// answersBadly is what a probe that did not succeed ended with; empty where it says nothing of the instance.
func answersBadly(p health.Probe) string {
	switch p.State {
	case health.ProbeBadStatus:
		return strconv.Itoa(p.Status)
	case health.ProbeRefused, health.ProbeTimeout:
		return string(p.State)
	case health.ProbeError:
		return "failed"
	}
	return ""
}

// releaseNumber is the release in a header like "v1482" or "1482"; 0 where it is not written so.
func releaseNumber(s string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "v"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// note is what is out of the ordinary with an instance, in a few words.
func (r *row) note() string {
	var said []string
	if n := len(r.problems); n > 0 {
		said = append(said, r.problems[0].Title)
		if n > 1 {
			said[0] += " +" + strconv.Itoa(n-1)
		}
	}
	if r.disagree != "" {
		said = append(said, r.disagree)
	}
	if r.odd {
		said = append(said, "another image")
	}
	if r.Cordoned {
		said = append(said, "cordoned")
	}
	if r.Retained {
		said = append(said, "missing from the newest list")
	}
	if r.HostStatus != "" && r.HostStatus != "ok" && len(said) == 0 {
		said = append(said, "host "+r.HostStatus)
	}
	if len(said) == 0 && r.State != "started" {
		switch {
		case r.Standby:
			said = append(said, "standby")
		case r.Autostop && r.Level == health.LevelStopped:
			said = append(said, "stopped by autostop")
		}
	}
	return strings.Join(said, "; ")
}

// text is what the filter looks at.
func (r *row) text() string {
	var b strings.Builder
	for _, s := range []string{r.ID, r.Name, r.Region, r.ProcessGroup, r.State, release(r.Release), string(r.Level), string(r.Probe.State), r.disagree} {
		b.WriteString(head(s, 200))
		b.WriteByte(' ')
	}
	for _, c := range r.Problems {
		b.WriteString(c)
		b.WriteByte(' ')
	}
	if r.Cordoned {
		b.WriteString("cordoned ")
	}
	if r.old {
		b.WriteString("old ")
	}
	if r.odd {
		b.WriteString("odd ")
	}
	return b.String()
}

// head is at most n bytes of s, for matching only.
func head(s string, n int) string { return s[:min(len(s), n)] }

// release is a release's name; 0 is unknown.
func release(v int) string {
	if v == 0 {
		return ""
	}
	return "v" + strconv.Itoa(v)
}

// digest is the short form of an image digest.
func digest(s string) string {
	s = strings.TrimPrefix(s, "sha256:")
	return head(s, 8)
}

// size is "shared 2x 1 GB".
func size(in *health.Instance) string {
	if in.CPUs == 0 && in.MemoryMB == 0 {
		return ""
	}
	mem := strconv.Itoa(in.MemoryMB) + " MB"
	if in.MemoryMB >= 1024 && in.MemoryMB%1024 == 0 {
		mem = strconv.Itoa(in.MemoryMB/1024) + " GB"
	}
	kind := strings.TrimPrefix(in.CPUKind, "performance")
	if kind != in.CPUKind {
		kind = "perf" + kind
	}
	return strings.TrimSpace(kind + " " + strconv.Itoa(in.CPUs) + "x " + mem)
}
