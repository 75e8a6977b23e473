package health

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/wg"
)

// scene is what all sources say of an app at t0, everything well, to be changed by a test.
type scene struct {
	machines []fly.Machine
	listed   map[string]dnsEntry
	probes   map[string]Probe
	facts    facts
}

func newScene(machines ...fly.Machine) *scene {
	o, err := Options{App: testApp, Platform: &world{}, NetworkErr: errors.New("-")}.withDefaults()
	if err != nil {
		panic(err)
	}
	s := &scene{machines: machines, listed: map[string]dnsEntry{}, probes: map[string]Probe{}}
	for _, m := range machines {
		if m.State == fly.StateStarted {
			s.listed[m.ID] = dnsEntry{id: m.ID, region: m.Region}
			s.probes[m.ID] = answered(200)
		}
	}
	s.facts = facts{
		app: testApp, primaryRegion: "iad", interval: o.Interval,
		network:  wg.Status{State: wg.StateUp, LastOK: t0},
		platform: platformFacts{reading: reading{at: t0, good: t0}, count: len(machines)},
		releases: releaseFacts{reading: reading{at: t0, good: t0}, list: []Release{{Version: 41, Status: "complete", At: t0.Add(-2 * time.Hour)}}},
		dns:      dnsFacts{reading: reading{at: t0, good: t0}},
		probes:   probeFacts{reading: reading{at: t0, good: t0}, proof: t0},
	}
	return s
}

// answered is a probe that ended the same way twice, a minute apart.
func answered(status int) Probe {
	state := ProbeOK
	if status != 200 {
		state = ProbeBadStatus
	}
	p := ended(state)
	p.Status, p.Latency, p.LastOK, p.URL = status, 3*time.Millisecond, t0, "http://instance/health"
	return p
}

func ended(state ProbeState) Probe {
	before := t0.Add(-time.Minute)
	return Probe{State: state, At: t0, Since: before, History: []Sample{{At: before, State: state}, {At: t0, State: state}}}
}

func (s *scene) at(now time.Time, m memory) (*Snapshot, memory) {
	f := s.facts
	f.platform.machines, f.platform.marks, f.platform.reserved = nil, nil, map[string]bool{}
	for _, m := range s.machines {
		out := read(m, nil, f.platform.good)
		f.platform.marks = append(f.platform.marks, out.marks...)
		if out.reserved {
			f.platform.reserved[out.ID] = true
			continue
		}
		f.platform.machines = append(f.platform.machines, out)
	}
	f.dns.listed = s.listed
	f.probes.results = s.probes
	return merge(f, m, now)
}

// settled is the scene after it has stayed as it is for ten minutes.
func (s *scene) settled() *Snapshot {
	_, m := s.at(t0.Add(-time.Second), memory{})
	for k, h := range m.held {
		if h.since.Equal(t0.Add(-time.Second)) { // seen first, not said by a source
			h.since = t0.Add(-10 * time.Minute)
		}
		m.held[k] = h
	}
	out, _ := s.at(t0, m)
	return out
}

// said is the problems in brief: code, region and instance.
func said(s *Snapshot) []string {
	out := []string{}
	for _, p := range s.Problems {
		out = append(out, strings.TrimSpace(p.Code+" "+strings.TrimSpace(p.Subject.Region+" "+p.Subject.Instance)))
	}
	return out
}

func id(n int) string { return newMachine(n, "").ID }

func state(state string, since time.Time, events ...fly.Event) func(*fly.Machine) {
	return func(m *fly.Machine) {
		m.State, m.UpdatedAt = state, since
		m.Events = append(events, m.Events...)
	}
}

func check(status string, since time.Time) func(*fly.Machine) {
	return func(m *fly.Machine) {
		m.Checks[0].Status, m.Checks[0].UpdatedAt, m.Checks[0].Output = status, &since, "503 on /health"
	}
}

func onRelease(n int) func(*fly.Machine) {
	return func(m *fly.Machine) { m.Config.Metadata[fly.MetaReleaseVersion] = fmt.Sprint(n) }
}

func TestProblems(t *testing.T) {
	ago := func(d time.Duration) time.Time { return t0.Add(-d) }
	m := time.Minute
	restarting := fly.ExitEvent{ExitCode: 1, Restarting: true}
	one := func(changes ...func(*fly.Machine)) []fly.Machine {
		return []fly.Machine{newMachine(0, "iad", changes...), newMachine(1, "fra"), newMachine(2, "syd"), newMachine(3, "gru")}
	}
	i0 := "iad " + id(0)
	tests := []struct {
		name     string
		machines []fly.Machine
		change   func(*scene)
		want     []string
		verdict  Verdict
		level    Level // of the first instance, or the stranger; empty: not looked at
	}{
		{name: "calm", verdict: Healthy, level: LevelOK},
		{
			name: "check fails", machines: one(check(fly.CheckCritical, ago(4*m))),
			want: []string{"instance.check_failing " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "check fails and the probe too", machines: one(check(fly.CheckCritical, ago(4*m))),
			change: func(s *scene) { s.probes[id(0)] = answered(503) },
			want:   []string{"instance.check_failing " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "check warns", machines: one(check(fly.CheckWarning, ago(4*m))),
			want: []string{"instance.check_warning " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "check fails within its grace", machines: one(check(fly.CheckCritical, ago(10*time.Second)), func(m *fly.Machine) {
				m.Events = []fly.Event{event("start", fly.StateStarted, ago(10*time.Second))}
			}),
			change: func(s *scene) { s.probes[id(0)] = ended(ProbeRefused) },
			want:   []string{}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name:   "refused",
			change: func(s *scene) { s.probes[id(0)] = ended(ProbeRefused) },
			want:   []string{"instance.probe_failed " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "refused once is no news",
			change: func(s *scene) {
				p := ended(ProbeRefused)
				p.History[0].State = ProbeOK
				s.probes[id(0)] = p
			},
			want: []string{}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name:   "timeout while others answer",
			change: func(s *scene) { s.probes[id(0)] = ended(ProbeTimeout) },
			want:   []string{"instance.probe_failed " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "timeout while nothing proves the network",
			change: func(s *scene) {
				for _, m := range s.machines {
					s.probes[m.ID] = ended(ProbeTimeout)
				}
				s.facts.probes.proof, s.facts.network.LastOK, s.facts.dns.good = ago(5*m), ago(5*m), ago(5*m)
			},
			want: []string{}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name:   "bad status",
			change: func(s *scene) { s.probes[id(0)] = answered(500) },
			want:   []string{"instance.probe_status " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name:   "DNS lists nobody",
			change: func(s *scene) { clear(s.listed) },
			want:   []string{"instance.not_in_dns"}, verdict: Unhealthy, level: LevelOK,
		},
		{
			name:     "stopped, and still in DNS",
			machines: one(state(fly.StateStopped, ago(10*m), exitEvent(ago(10*m), fly.ExitEvent{RequestedStop: true}))),
			change:   func(s *scene) { s.listed[id(0)] = dnsEntry{id: id(0), region: "iad"} },
			want:     []string{"instance.stale_in_dns " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name:     "stopped a moment ago, and still in DNS",
			machines: one(state(fly.StateStopped, ago(10*time.Second), exitEvent(ago(10*time.Second), fly.ExitEvent{RequestedStop: true}))),
			change:   func(s *scene) { s.listed[id(0)] = dnsEntry{id: id(0), region: "iad"} },
			want:     []string{}, verdict: Healthy, level: LevelStopped,
		},
		{
			name: "says another release",
			change: func(s *scene) {
				p := answered(200)
				p.Release = "v40"
				s.probes[id(0)] = p
			},
			want: []string{"instance.probe_release " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "network dead",
			change: func(s *scene) {
				s.facts.network = wg.Status{State: wg.StateDead, Since: ago(m), Cause: "no handshake"}
				s.facts.dns.err = errors.New("no answer")
				for _, m := range s.machines {
					s.probes[m.ID] = ended(ProbeNoNetwork)
				}
			},
			want: []string{"network.dead"}, verdict: NotKnown, level: LevelOK, // its checks pass
		},
		{
			name:     "network dead and no checks",
			machines: one(func(m *fly.Machine) { m.Checks = nil }),
			change: func(s *scene) {
				s.facts.network = wg.Status{State: wg.StateDead, Since: ago(m)}
				s.probes[id(0)] = ended(ProbeNoNetwork)
			},
			want: []string{"network.dead"}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name:   "network suspect",
			change: func(s *scene) { s.facts.network.State = wg.StateSuspect },
			want:   []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name:   "DNS down",
			change: func(s *scene) { s.facts.dns.err, s.facts.dns.good = errors.New("no answer"), ago(3*m) },
			want:   []string{"network.dns_down"}, verdict: NotKnown, level: LevelOK,
		},
		{
			name: "platform gone for a while",
			change: func(s *scene) {
				s.facts.platform.err, s.facts.platform.good = &fly.Error{Op: "list machines", Status: 503}, ago(5*m)
			},
			want: []string{"platform.unreachable"}, verdict: NotKnown, level: LevelOK, // it answers
		},
		{
			name: "platform gone, instance silent",
			change: func(s *scene) {
				s.facts.platform.err, s.facts.platform.good = errors.New("timeout"), ago(5*m)
				delete(s.probes, id(0))
			},
			want: []string{"platform.unreachable"}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name: "token refused",
			change: func(s *scene) {
				s.facts.platform.err, s.facts.platform.good = fmt.Errorf("list: %w", fly.ErrUnauthorized), time.Time{}
			},
			want: []string{"platform.unauthorized"}, verdict: NotKnown,
		},
		{
			name: "no such app",
			change: func(s *scene) {
				s.machines, s.listed, s.probes = nil, nil, nil
				s.facts.platform.err, s.facts.platform.good = fmt.Errorf("list: %w", fly.ErrNotFound), time.Time{}
			},
			want: []string{"app.not_found"}, verdict: NotKnown,
		},
		{
			name: "no machines",
			change: func(s *scene) {
				s.machines, s.listed, s.probes = nil, nil, nil
				s.facts.platform.count = 0
			},
			want: []string{"app.empty"}, verdict: Unhealthy,
		},
		{
			name:   "list in doubt",
			change: func(s *scene) { s.facts.platform.doubt, s.facts.platform.since = "short", ago(m) },
			want:   []string{"platform.list_unconfirmed"}, verdict: NotKnown,
		},
		{
			name: "crash loop", machines: one(state(fly.StateStarting, ago(5*time.Second),
				event("start", fly.StateStarting, ago(5*time.Second)),
				exitEvent(ago(15*time.Second), restarting), exitEvent(ago(2*m), restarting), exitEvent(ago(4*m), restarting))),
			change: func(s *scene) { delete(s.probes, id(0)) },
			want:   []string{"instance.crash_loop " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "crash loop explains what follows from it", machines: one(check(fly.CheckCritical, ago(4*m)), func(m *fly.Machine) {
				x := restarting
				x.OOMKilled = true
				m.Events = []fly.Event{event("start", fly.StateStarted, ago(31*time.Second)), exitEvent(ago(40*time.Second), x), exitEvent(ago(2*time.Minute), x), exitEvent(ago(3*time.Minute), x)}
			}),
			change: func(s *scene) { s.probes[id(0)] = ended(ProbeRefused) },
			want:   []string{"instance.crash_loop " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "three exits long ago", machines: one(func(m *fly.Machine) {
				m.Events = append(m.Events, exitEvent(ago(61*time.Minute), restarting), exitEvent(ago(62*time.Minute), restarting), exitEvent(ago(63*time.Minute), restarting))
			}),
			want: []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name: "restart count alone", machines: one(func(m *fly.Machine) {
				e := exitEvent(ago(time.Minute), restarting)
				e.Request.RestartCount = 5
				m.Events = []fly.Event{event("start", fly.StateStarted, ago(50*time.Second)), e}
			}),
			want: []string{"instance.crash_loop " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "out of memory", machines: one(func(m *fly.Machine) {
				m.Events = []fly.Event{event("start", fly.StateStarted, ago(20*time.Minute)), exitEvent(ago(21*time.Minute), fly.ExitEvent{OOMKilled: true, Restarting: true})}
			}),
			want: []string{"instance.oom " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "host unreachable", machines: one(func(m *fly.Machine) { m.HostStatus = fly.HostUnreachable }),
			change: func(s *scene) { s.probes[id(0)] = ended(ProbeTimeout); delete(s.listed, id(0)) },
			want:   []string{"instance.host_unreachable " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "host unreachable, yet it answers", machines: one(func(m *fly.Machine) { m.HostStatus = fly.HostUnreachable }),
			want: []string{"instance.host_disputed " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "host unknown", machines: one(func(m *fly.Machine) { m.HostStatus = fly.HostUnknown }),
			want: []string{"instance.host_unknown " + i0}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name: "stuck", machines: one(state(fly.StateStopping, ago(6*m))),
			change: func(s *scene) { delete(s.probes, id(0)); delete(s.listed, id(0)) },
			want:   []string{"instance.stuck " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "stopping for a moment", machines: one(state(fly.StateStopping, ago(m))),
			change: func(s *scene) { delete(s.probes, id(0)); delete(s.listed, id(0)) },
			want:   []string{}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name: "updating may take longer", machines: one(state(fly.StateReplacing, ago(9*m))),
			change: func(s *scene) { delete(s.probes, id(0)); delete(s.listed, id(0)) },
			want:   []string{}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name: "updating for ever", machines: one(state(fly.StateReplacing, ago(11*m))),
			change: func(s *scene) { delete(s.probes, id(0)); delete(s.listed, id(0)) },
			want:   []string{"instance.stuck " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "stopped by itself", machines: one(state(fly.StateStopped, ago(m), exitEvent(ago(m), fly.ExitEvent{ExitCode: 1}))),
			want: []string{"instance.stopped_unexpectedly " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "stopped on request", machines: one(state(fly.StateStopped, ago(m), exitEvent(ago(m), fly.ExitEvent{RequestedStop: true}))),
			want: []string{}, verdict: Healthy, level: LevelStopped,
		},
		{
			name: "autostopped", machines: one(state(fly.StateStopped, ago(m)), func(m *fly.Machine) { m.Config.Services[0].Autostop = []byte(`"stop"`) }),
			want: []string{}, verdict: Healthy, level: LevelStopped,
		},
		{
			name: "autostop does not excuse a crash", machines: one(
				state(fly.StateStopped, ago(m), exitEvent(ago(m), fly.ExitEvent{ExitCode: 137})),
				func(m *fly.Machine) { m.Config.Services[0].Autostop = []byte(`true`) }),
			want: []string{"instance.stopped_unexpectedly " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name: "standby", machines: one(state(fly.StateStopped, ago(m)), func(m *fly.Machine) { m.Config.Standbys = []string{id(1)} }),
			want: []string{}, verdict: Healthy, level: LevelStopped,
		},
		{
			name: "scheduled", machines: one(state(fly.StateStopped, ago(m), exitEvent(ago(m), fly.ExitEvent{})), func(m *fly.Machine) { m.Config.Schedule = "daily" }),
			want: []string{}, verdict: Healthy, level: LevelStopped,
		},
		{
			name: "failed", machines: one(state(fly.StateFailed, ago(m))),
			want: []string{"instance.failed " + i0}, verdict: Unhealthy, level: LevelCritical,
		},
		{
			name:   "not in DNS",
			change: func(s *scene) { delete(s.listed, id(0)) },
			want:   []string{"instance.not_in_dns " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "kept out of DNS on purpose", machines: one(func(m *fly.Machine) { m.Config.DNS = &fly.DNSConfig{SkipRegistration: true} }),
			change: func(s *scene) { delete(s.listed, id(0)) },
			want:   []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name: "started too lately for DNS", machines: one(func(m *fly.Machine) {
				m.Events = []fly.Event{event("start", fly.StateStarted, ago(9*time.Second))}
			}),
			change: func(s *scene) { delete(s.listed, id(0)) },
			want:   []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name:   "DNS gives another address",
			change: func(s *scene) { s.listed[id(0)] = dnsEntry{id: id(0), region: "iad", address: "fdaa::dead"} },
			want:   []string{"instance.dns_address " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name:   "unknown to the platform",
			change: func(s *scene) { s.listed["stranger"] = dnsEntry{id: "stranger", region: "ams", address: "fdaa::9"} },
			want:   []string{"instance.unknown_to_platform ams stranger"}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "only DNS knows it, and the platform does not count",
			change: func(s *scene) {
				s.facts.platform.count = -1
				s.listed["stranger"] = dnsEntry{id: "stranger", region: "ams", address: "fdaa::9"}
			},
			want: []string{"platform.list_unconfirmed"}, verdict: NotKnown,
		},
		{
			name: "known to DNS while the list is in doubt",
			change: func(s *scene) {
				s.listed["stranger"] = dnsEntry{id: "stranger", region: "ams", address: "fdaa::9"}
				s.facts.platform.doubt, s.facts.platform.since = "short", ago(m)
			},
			want: []string{"platform.list_unconfirmed"}, verdict: NotKnown, level: LevelUnknown,
		},
		{
			name: "cordoned", machines: one(func(m *fly.Machine) { m.Cordoned = true }),
			want: []string{"instance.cordoned " + i0}, verdict: Unhealthy, level: LevelWarning,
		},
		{
			name: "mixed releases", machines: one(onRelease(40)),
			want: []string{"release.mixed"}, verdict: Unhealthy, level: LevelOK,
		},
		{
			name: "mixed and cordoned while deploying", machines: one(onRelease(40), func(m *fly.Machine) { m.Cordoned = true }),
			change: func(s *scene) {
				s.facts.releases.running = true
				s.facts.releases.list = []Release{{Version: 42, Status: "running", At: ago(2 * m)}}
			},
			want: []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name: "another process group on another release", machines: one(onRelease(40), func(m *fly.Machine) { m.Config.Metadata[fly.MetaProcessGroup] = "worker" }),
			want: []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name: "a machine that no deploy made", machines: one(onRelease(7), func(m *fly.Machine) { delete(m.Config.Metadata, fly.MetaPlatformVersion) }),
			want: []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name: "release never finished",
			change: func(s *scene) {
				s.facts.releases.running = true
				s.facts.releases.list = []Release{{Version: 42, Status: "running", At: ago(time.Hour)}}
			},
			want: []string{"release.stuck"}, verdict: Unhealthy, level: LevelOK,
		},
		{
			name:   "releases unread",
			change: func(s *scene) { s.facts.releases.err, s.facts.releases.good = errors.New("500"), ago(5*m) },
			want:   []string{"release.unread"}, verdict: NotKnown, level: LevelOK,
		},
		{
			name: "a whole region", machines: []fly.Machine{newMachine(0, "iad"), newMachine(1, "iad"), newMachine(2, "fra")},
			change: func(s *scene) { s.probes[id(0)], s.probes[id(1)] = ended(ProbeRefused), answered(503) },
			want:   []string{"region.down iad"}, verdict: Unhealthy,
		},
		{
			name: "worker without a service", machines: one(func(m *fly.Machine) { m.Config.Services, m.Checks = nil, nil }),
			change: func(s *scene) { delete(s.probes, id(0)) },
			want:   []string{}, verdict: Healthy, level: LevelOK,
		},
		{
			name: "release command", machines: one(func(m *fly.Machine) {
				m.Config.Metadata[fly.MetaProcessGroup] = "fly_app_release_command"
				m.State = fly.StateStopped
			}),
			change: func(s *scene) { delete(s.probes, id(0)) },
			want:   []string{}, verdict: Healthy,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.machines == nil {
				tt.machines = one()
			}
			if tt.want == nil {
				tt.want = []string{}
			}
			sc := newScene(tt.machines...)
			if tt.change != nil {
				tt.change(sc)
			}
			s := sc.settled()
			if diff := cmp.Diff(tt.want, said(s)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%+v", diff, s.Problems)
			}
			if s.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s", s.Verdict, tt.verdict)
			}
			if tt.level == "" {
				return
			}
			looked := id(0)
			if _, ok := sc.listed["stranger"]; ok {
				looked = "stranger"
			}
			for _, i := range s.Instances {
				if i.ID == looked && i.Level != tt.level {
					t.Errorf("instance %s is %s, want %s: %+v", i.ID, i.Level, tt.level, i)
				}
			}
		})
	}
}

func TestProblemsAreShownOnlyWhenTheyHaveHeld(t *testing.T) {
	sc := newScene(fleet(2, "iad", "fra")...)
	delete(sc.listed, id(0))
	after := condition(codeNotInDNS).After
	s, m := sc.at(t0, memory{})
	if len(s.Problems) != 0 {
		t.Fatalf("at once: %v", said(s))
	}
	s, m = sc.at(t0.Add(after-time.Second), m)
	if len(s.Problems) != 0 {
		t.Fatalf("a second early: %v", said(s))
	}
	s, _ = sc.at(t0.Add(after), m)
	if len(s.Problems) != 1 || !s.Problems[0].Since.Equal(t0) {
		t.Fatalf("in time: %+v", s.Problems)
	}
	sc.facts.oneShot = true
	if s, _ = sc.at(t0, memory{}); len(s.Problems) != 1 {
		t.Fatalf("one look only: %v", said(s))
	}
}

func TestFlappingDoesNotResetSince(t *testing.T) {
	sc := newScene(newMachine(0, "iad", check(fly.CheckCritical, t0.Add(-time.Minute))), newMachine(1, "iad"))
	at := func(now time.Time, m memory) (*Snapshot, memory) {
		sc.facts.platform.at, sc.facts.platform.good = now, now
		return sc.at(now, m)
	}
	since := func(s *Snapshot) time.Time {
		t.Helper()
		if len(s.Problems) != 1 {
			t.Fatalf("problems %v, want one", said(s))
		}
		return s.Problems[0].Since
	}
	s, m := at(t0, memory{})
	if got := since(s); !got.Equal(t0.Add(-time.Minute)) {
		t.Fatalf("since %s, want what the platform says", got)
	}
	set := func(status string, now time.Time) { check(status, now)(&sc.machines[0]) }
	set(fly.CheckPassing, t0.Add(10*time.Second))
	s, m = at(t0.Add(10*time.Second), m)
	if len(s.Problems) != 0 {
		t.Fatalf("problems %v, want none", said(s))
	}
	set(fly.CheckCritical, t0.Add(30*time.Second))
	s, m = at(t0.Add(30*time.Second), m)
	if got := since(s); !got.Equal(t0.Add(-time.Minute)) {
		t.Errorf("since %s after a short gap, want the old one", got)
	}
	set(fly.CheckPassing, t0.Add(40*time.Second))
	_, m = at(t0.Add(40*time.Second), m)
	set(fly.CheckCritical, t0.Add(40*time.Second+2*steady))
	s, _ = at(t0.Add(40*time.Second+2*steady), m)
	if got := since(s); !got.Equal(t0.Add(40*time.Second + 2*steady)) {
		t.Errorf("since %s after a long gap, want the new one", got)
	}
}

func TestMergeDoesNotChangeItsArguments(t *testing.T) {
	sc := newScene(fleet(2, "iad", "fra")...)
	sc.probes[id(0)] = ended(ProbeRefused)
	a, m := sc.at(t0, memory{})
	before := len(m.held)
	b, _ := sc.at(t0, m)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the same facts gave (-first +second):\n%s", diff)
	}
	if len(m.held) != before {
		t.Errorf("memory grew from %d to %d", before, len(m.held))
	}
}

func TestRegions(t *testing.T) {
	sc := newScene(newMachine(0, "iad"), newMachine(1, "iad", onRelease(42)), newMachine(2, "fra"), newMachine(3, "fra", state(fly.StateStopped, t0), func(m *fly.Machine) {
		m.Config.Services[0].Autostop = []byte("true")
	}))
	sc.facts.releases.running = true
	sc.facts.releases.list = []Release{{Version: 42, Status: "running", At: t0.Add(-time.Minute)}}
	for n, d := range []time.Duration{4, 8, 100} {
		p := answered(200)
		p.Latency = d * time.Millisecond
		sc.probes[id(n)] = p
	}
	sc.facts.probes.regions = map[string][]time.Duration{"iad": {1, 2, 3}}
	ms := time.Millisecond
	want := []Region{
		{Code: "fra", Level: LevelOK, Total: 2, OK: 1, Stopped: 1, Releases: []int{41}, P50: 100 * ms, Max: 100 * ms},
		{Code: "iad", Primary: true, Level: LevelOK, Total: 2, OK: 2, Releases: []int{42, 41}, P50: 4 * ms, Max: 8 * ms, Latency: []time.Duration{1, 2, 3}},
	}
	if diff := cmp.Diff(want, sc.settled().Regions); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

func TestHostileTextIsMadeSafe(t *testing.T) {
	const nasty = "\x1b[2J\x1b]0;owned\x07\u202eevil\u200b\n\x00"
	sc := newScene(newMachine(0, "iad", check(fly.CheckCritical, t0.Add(-time.Minute)), func(m *fly.Machine) {
		m.Name, m.Region, m.HostStatus = nasty, "i\x1b[31mad", nasty
		m.Checks[0].Name, m.Checks[0].Output = nasty, strings.Repeat(nasty, 1000)
		m.ImageRef.Tag = nasty
		m.Config.Metadata[fly.MetaProcessGroup] = nasty
		m.Events[0].Source = nasty
	}))
	sc.facts.platform.err = errors.New(nasty)
	sc.facts.network.Cause = nasty
	s := sc.settled()
	i := s.Instances[0]
	for _, text := range []string{i.Name, i.Region, i.HostStatus, i.Checks[0].Name, i.Checks[0].Output, i.Image, i.ProcessGroup, i.Events[0].Source, s.Sources.Platform.Error, s.Network.Cause, s.Problems[0].Detail} {
		if strings.ContainsAny(text, "\x1b\x00\x07\u202e\u200b") {
			t.Errorf("%q", text)
		}
	}
	if n := len(i.Checks[0].Output); n > 4<<10 {
		t.Errorf("check output of %d bytes", n)
	}
}

func TestTimeline(t *testing.T) {
	sc := newScene(
		newMachine(0, "iad", check(fly.CheckCritical, t0.Add(-4*time.Minute))),
		newMachine(1, "iad", func(m *fly.Machine) {
			m.Events = []fly.Event{
				event("start", fly.StateStarted, t0.Add(-20*time.Minute)),
				exitEvent(t0.Add(-21*time.Minute), fly.ExitEvent{OOMKilled: true, Restarting: true}),
			}
		}),
		newMachine(2, "iad", func(m *fly.Machine) {
			m.Config.Metadata[fly.MetaProcessGroup] = "fly_app_release_command"
			m.Events = []fly.Event{exitEvent(t0.Add(-25*time.Minute), fly.ExitEvent{ExitCode: 1})}
		}),
	)
	var got []string
	for _, k := range sc.settled().Timeline {
		got = append(got, fmt.Sprintf("%s %s %s %s", t0.Sub(k.At), k.Kind, k.Level, k.Text))
	}
	want := []string{
		"4m0s check critical check failing",
		"21m0s oom critical killed for want of memory",
		"21m0s problem warning killed for want of memory",
		"25m0s exit critical fly_app_release_command: exit code 1",
		"1h0m0s start ok started",
		"2h0m0s release ok v41 complete",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

func BenchmarkMerge(b *testing.B) {
	sc := newScene(fleet(50, "iad", "fra", "syd", "gru", "ams", "lhr", "ord", "sjc", "nrt", "sin", "jnb", "bom", "cdg", "dfw", "ewr", "lax", "mia", "sea", "yyz", "waw")...)
	sc.facts.interval = config.Interval{Platform: 5 * time.Second, Probe: 5 * time.Second}
	f := sc.facts
	for _, m := range sc.machines {
		f.platform.machines = append(f.platform.machines, read(m, nil, t0))
	}
	f.dns.listed, f.probes.results = sc.listed, sc.probes
	var m memory
	b.ReportAllocs()
	for b.Loop() {
		_, m = merge(f, m, t0)
	}
}
