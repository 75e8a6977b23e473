package health

import (
	"cmp"
	"slices"
	"time"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// maxMarks bounds the timeline.
const maxMarks = 200

// merge makes one snapshot of what the sources said. It depends on nothing but its arguments: memory is what earlier
// merges saw, and goes into the next one.
func merge(f facts, was memory, now time.Time) (*Snapshot, memory) {
	s := &Snapshot{
		App:           f.app,
		PrimaryRegion: f.primaryRegion,
		At:            now,
		Network:       f.network,
		Sources: Sources{
			Platform: f.platform.source(),
			DNS:      f.dns.source(),
			Probes:   f.probes.source(),
		},
		Releases:  slices.Clone(f.releases.list),
		Agreement: agreements(f.agreement),
		Cluster:   f.cluster.answer,
	}
	for _, t := range []*time.Time{&s.Network.At, &s.Network.Since, &s.Network.HandshakeAt, &s.Network.LastOK} {
		*t = t.UTC()
	}
	s.Network.Why = plaintext.Line(s.Network.Why, maxLine)
	s.Network.Cause = plaintext.Line(s.Network.Cause, maxLine)
	s.Network.Advice = plaintext.Line(s.Network.Advice, maxLine)
	s.Network.LastHeal = plaintext.Line(s.Network.LastHeal, maxLine)
	s.Network.Endpoint = plaintext.Line(s.Network.Endpoint, maxLine)
	if f.networkErr != nil {
		missing := reading{err: f.networkErr}.source()
		s.Sources.DNS, s.Sources.Probes = missing, missing
		s.Network.Cause = missing.Error
	}
	if f.peerRemoved() {
		gone := condition(codePeerRemoved)
		s.Network.Cause, s.Network.Advice = gone.Title, gone.Hint
	}
	v := view{facts: &f, now: now, deploying: deploying(f, now)}
	v.members = members(f)
	s.Instances = make([]Instance, len(v.members))
	for i, b := range v.members {
		s.Instances[i] = b.Instance
	}

	next := was.next(now)
	found := v.findings(s)
	shown, held := next.judge(found, now, f.oneShot)
	byInstance := map[string][]ops.Problem{}
	for _, p := range held {
		if p.Subject.Instance != "" {
			byInstance[p.Subject.Instance] = append(byInstance[p.Subject.Instance], p)
		}
	}
	for i := range s.Instances {
		v.sumUp(&s.Instances[i], v.members[i], byInstance[s.Instances[i].ID])
	}
	s.Problems = shown
	s.Regions = regions(s, f)
	countReleases(s)
	s.Timeline = timeline(s, f)
	s.Verdict = verdict(s)
	return s, next
}

// view is what the findings are looked for in.
type view struct {
	*facts
	now       time.Time
	members   []*member
	deploying bool
}

// member is an instance before it is judged.
type member struct {
	Instance
	m      *machine // nil: the platform does not list it
	listed bool
}

// members are the instances that the platform or DNS knows, by region, process group and id.
func members(f facts) []*member {
	all := make([]member, 0, len(f.platform.machines)+len(f.dns.listed))
	known := make(map[string]bool, len(f.platform.machines))
	dnsKnown := !f.dns.good.IsZero()
	for i := range f.platform.machines {
		m := &f.platform.machines[i]
		known[m.ID] = true
		entry, listed := f.dns.listed[m.ID]
		all = append(all, member{Instance: m.Instance, m: m, listed: listed})
		b := &all[len(all)-1]
		b.DNS = DNS{Known: dnsKnown, Listed: listed, Address: entry.address, At: f.dns.good}
		b.Address = either(b.Address, entry.address)
	}
	for id, e := range f.dns.listed {
		if known[id] || e.reserved(f) {
			continue
		}
		all = append(all, member{listed: true, Instance: Instance{
			ID:      id,
			Region:  e.region,
			Address: e.address,
			Checks:  []Check{},
			DNS:     DNS{Known: true, Listed: true, Address: e.address, At: f.dns.good},
		}})
	}
	out := make([]*member, len(all))
	for i := range all {
		out[i] = &all[i]
		out[i].Probe.State = ProbeNone
		if r, ok := f.probes.results[out[i].ID]; ok {
			out[i].Probe = r
		}
	}
	slices.SortFunc(out, func(a, b *member) int {
		return cmp.Or(
			cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.ProcessGroup, b.ProcessGroup),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return out
}

// reserved tells of machines that the platform lists but that are not instances: a release command, a console.
func (e dnsEntry) reserved(f facts) bool { return f.platform.reserved[e.id] }

// deploying tells whether a deploy is under way: then mixed releases and cordoned machines are what it looks like.
func deploying(f facts, now time.Time) bool {
	if f.releases.running && len(f.releases.list) > 0 && now.Sub(f.releases.list[0].At) < releaseStuckAfter {
		return true
	}
	return slices.ContainsFunc(f.platform.machines, func(m machine) bool {
		changing := m.State == fly.StateUpdating || m.State == fly.StateReplacing || m.State == fly.StateCreating
		return changing && now.Sub(m.StateSince) < stuckUpdating
	})
}

// sumUp gives an instance its level and the codes of what holds for it.
func (v *view) sumUp(i *Instance, b *member, problems []ops.Problem) {
	ops.SortProblems(problems)
	i.Level = v.evidence(b)
	for _, p := range problems {
		if !slices.Contains(i.Problems, p.Code) {
			i.Problems = append(i.Problems, p.Code)
		}
		i.Level = worse(i.Level, levelOf(p.Severity))
	}
}

func levelOf(s ops.Severity) Level {
	switch s {
	case ops.Critical:
		return LevelCritical
	case ops.Warning:
		return LevelWarning
	}
	return LevelUnknown
}

func worse(a, b Level) Level {
	if b.Rank() < a.Rank() {
		return b
	}
	return a
}

// verdict sums the snapshot up: certain bad news, else anything that is not known, else all is well.
func verdict(s *Snapshot) Verdict {
	for _, p := range s.Problems {
		if p.Severity != ops.Unknown {
			return Unhealthy
		}
	}
	unknown := len(s.Problems) > 0 || len(s.Instances) == 0 ||
		s.Sources.Platform.GoodAt.IsZero() || s.Sources.DNS.GoodAt.IsZero() || s.Sources.Probes.GoodAt.IsZero()
	for _, i := range s.Instances {
		unknown = unknown || i.Level == LevelUnknown
	}
	if unknown {
		return NotKnown
	}
	return Healthy
}

// countReleases notes how many instances run each release.
func countReleases(s *Snapshot) {
	running := map[int]int{}
	for _, i := range s.Instances {
		if i.Release > 0 && !i.StartedAt.IsZero() {
			running[i.Release]++
		}
	}
	for i := range s.Releases {
		s.Releases[i].Instances = running[s.Releases[i].Version]
	}
}
