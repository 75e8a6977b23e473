// Package tuitest makes what tests of the console look at: snapshots of made-up applications, a session that never
// touches a network, and comparison with golden frames. It never appears in the console itself.
package tuitest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"ops-console/ops"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/wg"
)

// Now is the moment all made-up snapshots are from.
func Now() time.Time { return time.Date(2026, 3, 4, 14, 7, 32, 0, time.UTC) }

// Options of Snapshot. The zero value is a calm application.
type Options struct {
	Now      time.Time // zero: Now()
	Seed     uint64
	Regions  []string // nil: eight of them
	Incident bool     // a failing check, a crash loop, an unreachable host, a stale cache, mixed releases
	Blackout bool     // the platform's API is down, the network is not
	Offline  bool     // the network is down
	Hostile  bool     // names, outputs and texts are as bad as the edge lets through, and worse
}

// Hostile are pieces of text that break a careless screen.
func Hostile() []string {
	return []string{
		"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\r\n\r\n", "\u202eevil\u202c", "日本語のとても長い名前",
		"👩‍👩‍👧‍👦🇩🇪☺️", "e\u0301\u0301\u0301\u0301\u0301", "\u200b\u200d\ufeff", "\xff\xfe\x80", "\t\tx", "क्षத்", "\u009b31m",
	}
}

// Snapshot is an application of n instances spread over regions.
func Snapshot(n int, o Options) *health.Snapshot {
	if o.Now.IsZero() {
		o.Now = Now()
	}
	if o.Regions == nil {
		o.Regions = []string{"fra", "ams", "iad", "lhr", "nrt", "ord", "sjc", "syd"}
	}
	b := builder{Options: o, rnd: rand.New(rand.NewPCG(o.Seed, 1))}
	s := &health.Snapshot{
		App: "changelog", PrimaryRegion: o.Regions[0], At: o.Now, Verdict: health.Healthy,
		Sources: health.Sources{Platform: b.source(), DNS: b.source(), Probes: b.source()},
		Network: Network(o),
	}
	for i := range n {
		s.Instances = append(s.Instances, b.instance(i))
	}
	b.releases(s)
	s.Agreement = []health.Agreement{b.agreement(s, "/", "a41f09c2d7be", "Changelog"), b.agreement(s, "/api/version", "19cc70ab22f1", "")}
	s.Cluster = b.cluster(s)
	if o.Incident {
		b.incident(s)
	}
	if o.Blackout {
		b.blackout(s)
	}
	if o.Offline {
		b.offline(s)
	}
	if o.Hostile {
		b.hostile(s)
	}
	s.Regions = b.regions(s)
	ops.SortProblems(s.Problems)
	slices.SortStableFunc(s.Timeline, func(a, b health.Mark) int { return b.At.Compare(a.At) })
	b.verdict(s)
	return s
}

// Feed wraps a snapshot as a reading that succeeded.
func Feed(seq uint64, s *health.Snapshot) feed.Snapshot[*health.Snapshot] {
	return feed.Snapshot[*health.Snapshot]{Seq: seq, At: s.At, GoodAt: s.At, Value: s}
}

// Network is the state of the made-up network.
func Network(o Options) wg.Status {
	if o.Now.IsZero() {
		o.Now = Now()
	}
	st := wg.Status{
		At: o.Now, Kind: wg.KindUser, Why: "a configuration was given", State: wg.StateUp, Since: o.Now.Add(-2 * time.Hour),
		Device: "user-mode", Transport: "udp", Endpoint: "203.0.113.7:51820", PublicKey: "9QSk4hFDW5sP3zB5m0p0m1nJ2f0Jx8oQw0r5u2b7XW0=",
		Addresses: []netip.Prefix{netip.MustParsePrefix("fdaa:0:18:a7b:1::2/120")}, DNS: "[fdaa::3]:53",
		HandshakeKnown: true, HandshakeAt: o.Now.Add(-70 * time.Second), RTT: 12 * time.Millisecond, LastOK: o.Now.Add(-time.Second),
		Rx: 48e6, Tx: 3e6, RxRate: 21_000, TxRate: 4_000, MTU: 1420,
	}
	if o.Offline {
		st.State, st.Since = wg.StateDead, o.Now.Add(-95*time.Second)
		st.Cause = "the peer 203.0.113.7:51820 has not answered for 1m 35s"
		st.Advice = "check that UDP can get out, or try the websocket transport"
		st.LastOK, st.RTT = o.Now.Add(-95*time.Second), 0
	}
	return st
}

type builder struct {
	Options
	rnd *rand.Rand
}

func (b *builder) source() health.Source {
	return health.Source{OK: true, At: b.Now.Add(-time.Second), GoodAt: b.Now.Add(-time.Second)}
}

func (b *builder) instance(i int) health.Instance {
	region := b.Regions[i%len(b.Regions)]
	group := "app"
	if i%11 == 10 {
		group = "worker"
	}
	started := b.Now.Add(-13*time.Minute - time.Duration(i)*7*time.Second)
	in := health.Instance{
		ID: fmt.Sprintf("%014x", 0x91857a0000000+uint64(i)*0x3d8d97), Name: fmt.Sprintf("calm-river-%04d", i), Region: region, ProcessGroup: group,
		Address: fmt.Sprintf("fdaa:0:18:a7b:%x::%x", i%len(b.Regions)+1, i+2), Level: health.LevelOK,
		State: "started", StateSince: started, HostStatus: "ok", Release: 1482, ReleaseID: "9kQx2", Version: "01HR0000000000000000000000",
		Image: "registry.fly.io/changelog:deployment-01HR", Digest: "sha256:9f2c7be1d0", StartedAt: started, CreatedAt: started.Add(-400 * time.Hour),
		CPUKind: "shared", CPUs: 2, MemoryMB: 1024,
		Checks: []health.Check{
			{Name: "tcp", Status: "passing", Output: "Success", Since: started, Routing: true},
			{Name: "readyz", Status: "passing", Output: "200 OK", Since: started, Routing: true},
		},
		Events: []health.Event{
			{At: started, Type: "start", Status: "started", Source: "flyd"},
			{At: started.Add(-8 * time.Second), Type: "update", Status: "replaced", Source: "user"},
		},
		PlatformAt: b.Now.Add(-time.Second),
	}
	in.DNS = health.DNS{Known: true, Listed: true, Address: in.Address, At: b.Now.Add(-time.Second)}
	in.Probe = health.Probe{State: health.ProbeOK, At: b.Now.Add(-time.Second), Since: started, Status: 200, Release: "v1482", LastOK: b.Now.Add(-time.Second)}
	base := time.Duration(4+i%len(b.Regions)*23) * time.Millisecond
	for k := range 60 {
		in.Probe.Latency = base + time.Duration(b.rnd.IntN(4000))*time.Microsecond
		in.Probe.History = append(in.Probe.History, health.Sample{At: b.Now.Add(time.Duration(k-59) * 2 * time.Second), State: health.ProbeOK, Latency: in.Probe.Latency})
	}
	return in
}

func (b *builder) releases(s *health.Snapshot) {
	s.Releases = []health.Release{
		{Version: 1482, Status: "complete", Description: "Deploy image", Image: "registry.fly.io/changelog:deployment-01HR", By: "deploy@changelog.example", At: b.Now.Add(-12 * time.Minute), Instances: len(s.Instances)},
		{Version: 1481, Status: "complete", Description: "Set secrets", Image: "registry.fly.io/changelog:deployment-01HQ", By: "deploy@changelog.example", At: b.Now.Add(-26 * time.Hour)},
	}
	s.Timeline = []health.Mark{{At: b.Now.Add(-12 * time.Minute), Kind: "release", Level: health.LevelOK, Text: "v1482 rolled out"}}
}

func (b *builder) agreement(s *health.Snapshot, path, hash, title string) health.Agreement {
	g := health.Group{Status: 200, Hash: hash, Bytes: 18_204, Title: title, Since: b.Now.Add(-12 * time.Minute)}
	for i := range s.Instances {
		g.Instances = append(g.Instances, s.Instances[i].ID)
	}
	return health.Agreement{Path: path, At: b.Now.Add(-20 * time.Second), Agree: true, Groups: []health.Group{g}}
}

func (b *builder) cluster(s *health.Snapshot) *health.Cluster {
	g := health.ClusterGroup{}
	for i := range s.Instances {
		g.Instances = append(g.Instances, s.Instances[i].ID)
		g.Nodes = append(g.Nodes, "changelog-01HR@"+s.Instances[i].Address)
	}
	return &health.Cluster{At: b.Now.Add(-40 * time.Second), Command: "bin/changelog rpc", Groups: []health.ClusterGroup{g}}
}

func (b *builder) regions(s *health.Snapshot) []health.Region {
	var out []health.Region
	for _, code := range b.Regions {
		r := health.Region{Code: code, Primary: code == s.PrimaryRegion, Level: health.LevelOK}
		var lat []time.Duration
		for i := range s.Instances {
			in := &s.Instances[i]
			if in.Region != code {
				continue
			}
			r.Total++
			r.Restarts += in.Restarts
			switch in.Level {
			case health.LevelOK:
				r.OK++
			case health.LevelStopped:
				r.Stopped++
			case health.LevelUnknown:
				r.Unknown++
			}
			if worse(in.Level, r.Level) {
				r.Level = in.Level
			}
			if in.Release != 0 && !slices.Contains(r.Releases, in.Release) {
				r.Releases = append(r.Releases, in.Release)
			}
			if in.Probe.State == health.ProbeOK {
				lat = append(lat, in.Probe.Latency)
			}
		}
		if r.Total == 0 {
			continue
		}
		slices.Sort(r.Releases)
		slices.Reverse(r.Releases)
		if len(lat) > 0 {
			slices.Sort(lat)
			r.P50, r.Max = lat[len(lat)/2], lat[len(lat)-1]
			for range 60 {
				r.Latency = append(r.Latency, r.P50+time.Duration(b.rnd.IntN(3000))*time.Microsecond)
			}
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b health.Region) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return out
}

func worse(a, b health.Level) bool {
	order := []health.Level{health.LevelCritical, health.LevelWarning, health.LevelUnknown, health.LevelOK}
	return slices.Index(order, a) >= 0 && slices.Index(order, a) < slices.Index(order, b)
}

func (b *builder) verdict(s *health.Snapshot) {
	for _, p := range s.Problems {
		if p.Severity != ops.Unknown {
			s.Verdict = health.Unhealthy
			return
		}
		s.Verdict = health.NotKnown
	}
}
