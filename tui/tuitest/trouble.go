package tuitest

import (
	"time"

	"ops-console/ops"
	"ops-console/ops/health"
)

// incident breaks five instances in five ways, as far as there are that many.
func (b *builder) incident(s *health.Snapshot) {
	ago := func(d time.Duration) time.Time { return b.Now.Add(-d) }
	problem := func(in *health.Instance, c ops.Condition, since time.Duration, detail string) {
		in.Problems = append(in.Problems, c.Code)
		in.Level = health.LevelWarning
		if c.Severity == ops.Critical {
			in.Level = health.LevelCritical
		}
		s.Problems = append(s.Problems, c.Of(ops.Subject{Region: in.Region, Instance: in.ID}, ago(since), detail))
		s.Timeline = append(s.Timeline, health.Mark{At: ago(since), Kind: "problem", Level: in.Level, Subject: ops.Subject{Region: in.Region, Instance: in.ID}, Text: c.Title})
	}
	breaks := []func(in *health.Instance){
		func(in *health.Instance) {
			in.Checks[1] = health.Check{Name: "readyz", Status: "critical", Output: "503 Service Unavailable: database pool is exhausted", Since: ago(207 * time.Second), Routing: true}
			in.Probe.State, in.Probe.Status, in.Probe.Since = health.ProbeBadStatus, 503, ago(207*time.Second)
			problem(in, ops.Condition{Code: "instance.check_failing", Severity: ops.Critical, Title: "check readyz is failing", Hint: "open the instance and read the check's output"}, 207*time.Second, "503 Service Unavailable: database pool is exhausted")
		},
		func(in *health.Instance) {
			in.Restarts, in.OOMKills = 7, 3
			in.State, in.StateSince = "restarting", ago(4*time.Second)
			in.LastExit = &health.Exit{At: ago(5 * time.Second), Code: 137, Signal: 9, OOM: true, Restarting: true}
			in.Events = append([]health.Event{{At: ago(5 * time.Second), Type: "exit", Status: "stopped", Source: "flyd", Exit: in.LastExit}}, in.Events...)
			problem(in, ops.Condition{Code: "instance.crash_loop", Severity: ops.Critical, Title: "restarts again and again", Hint: "see the last exit; raise its memory if it was killed for that"}, 9*time.Minute, "7 restarts in 9m, last exit 137, killed for memory")
		},
		func(in *health.Instance) {
			in.HostStatus, in.Release, in.Checks = "unreachable", 0, nil
			in.Probe.State, in.Probe.Error, in.Probe.Since = health.ProbeTimeout, "no answer within 2s", ago(66*time.Second)
			problem(in, ops.Condition{Code: "instance.host_unreachable", Severity: ops.Critical, Title: "its host is unreachable", Hint: "wait for the platform, or replace the machine"}, 66*time.Second, "the platform cannot reach the host, neither can we")
		},
		func(in *health.Instance) {
			s.Agreement[0].Agree = false
			s.Agreement[0].Groups = append(s.Agreement[0].Groups, health.Group{Status: 200, Hash: "77ab01e9c3d2", Bytes: 17_998, Title: "Changelog", Instances: []string{in.ID}, Since: ago(41 * time.Minute)})
			s.Agreement[0].Groups[0].Instances = without(s.Agreement[0].Groups[0].Instances, in.ID)
			problem(in, ops.Condition{Code: "instance.content_differs", Severity: ops.Warning, Title: "serves other content at /", Hint: "its cache may be stale: restart it, or clear the cache"}, 41*time.Minute, "1 of the instances differs from the others since 13:26Z")
		},
		func(in *health.Instance) {
			in.Release, in.Probe.Release = 1481, "v1481"
			problem(in, ops.Condition{Code: "instance.old_release", Severity: ops.Warning, Title: "runs an older release", Hint: "deploy again, or update the machine"}, 12*time.Minute, "v1481, the app is at v1482")
		},
	}
	for i, f := range breaks {
		at := i*3 + 1
		if at >= len(s.Instances) {
			return
		}
		f(&s.Instances[at])
	}
	s.Releases[0].Instances--
	s.Releases[1].Instances++
}

func without(ss []string, s string) []string {
	out := make([]string, 0, len(ss))
	for _, x := range ss {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

func (b *builder) blackout(s *health.Snapshot) {
	at := b.Now.Add(-4 * time.Minute)
	s.Sources.Platform = health.Source{At: b.Now.Add(-time.Second), GoodAt: at, Error: "machines of changelog: 503 Service Unavailable", Hint: "the platform's API is down; what instances answer is still read"}
	for i := range s.Instances {
		s.Instances[i].PlatformAt = at
	}
	s.Problems = append(s.Problems, ops.Problem{Code: "platform.down", Severity: ops.Unknown, Title: "the platform's API does not answer", Detail: s.Sources.Platform.Error, Hint: s.Sources.Platform.Hint, Since: at})
}

func (b *builder) offline(s *health.Snapshot) {
	at := s.Network.Since
	for _, src := range []*health.Source{&s.Sources.DNS, &s.Sources.Probes} {
		*src = health.Source{At: b.Now, GoodAt: at, Error: "the private network is down", Hint: s.Network.Advice}
	}
	for i := range s.Instances {
		in := &s.Instances[i]
		in.Probe.State, in.Probe.Since, in.DNS.At = health.ProbeNoNetwork, at, at
	}
	s.Problems = append(s.Problems, ops.Problem{Code: "network.down", Severity: ops.Unknown, Title: "the private network is down", Detail: s.Network.Cause, Hint: s.Network.Advice, Since: at})
}

// hostile puts bad text everywhere a platform, a DNS server or an instance can put text.
func (b *builder) hostile(s *health.Snapshot) {
	bad := Hostile()
	long := make([]byte, 1<<20)
	for i := range long {
		long[i] = "abc \x1b[31m"[i%9]
	}
	text := func(i int) string {
		if i%17 == 3 {
			return string(long)
		}
		return bad[i%len(bad)] + bad[(i*5+2)%len(bad)]
	}
	s.App = "change" + bad[0] + bad[4]
	for i := range s.Instances {
		in := &s.Instances[i]
		in.Name, in.State, in.ProcessGroup, in.Image = text(i), text(i+1), text(i+2), text(i+3)
		in.Probe.Error, in.Probe.Release, in.HostStatus = text(i+4), text(i+5), text(i+6)
		for k := range in.Checks {
			in.Checks[k].Name, in.Checks[k].Output, in.Checks[k].Status = text(i+k), text(i+k+7), text(i+k+1)
		}
		for k := range in.Events {
			in.Events[k].Type, in.Events[k].Source = text(i+k+2), text(i+k+8)
		}
	}
	for i := range s.Problems {
		s.Problems[i].Title, s.Problems[i].Detail, s.Problems[i].Hint = text(i), text(i+3), text(i+1)
	}
	for i := range s.Timeline {
		s.Timeline[i].Text = text(i)
	}
	for i := range s.Releases {
		s.Releases[i].Description, s.Releases[i].By = text(i), text(i+1)
	}
	for i := range s.Agreement {
		s.Agreement[i].Path = text(i)
		for k := range s.Agreement[i].Groups {
			s.Agreement[i].Groups[k].Title, s.Agreement[i].Groups[k].Error = text(k), text(k+3)
		}
	}
	s.Network.Cause, s.Network.Advice = text(1), text(3)
	s.Sources.Platform.Error = text(3)
}
