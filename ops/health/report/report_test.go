package report_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"ops-console/ops"
	"ops-console/ops/health"
	"ops-console/ops/health/report"
	"ops-console/wg"
)

var now = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// incident has one of everything.
func incident() *health.Snapshot {
	good := health.Source{OK: true, At: ago(2 * time.Second), GoodAt: ago(2 * time.Second)}
	instance := func(id, region string) health.Instance {
		return health.Instance{
			ID: id, Name: "machine-" + id[len(id)-2:], Region: region, ProcessGroup: "app", Address: "fdaa:0:18::" + id[len(id)-1:],
			Level: health.LevelOK, State: "started", StateSince: ago(26 * time.Hour), StartedAt: ago(26 * time.Hour), HostStatus: "ok",
			Release: 42, Image: "changelog:v42", Digest: "sha256:42", CreatedAt: ago(48 * time.Hour), PlatformAt: ago(2 * time.Second),
			Checks: []health.Check{{Name: "servicecheck-00-http-4000", Status: "passing", Routing: true}},
			DNS:    health.DNS{Known: true, Listed: true, At: ago(3 * time.Second)},
			Probe:  health.Probe{State: health.ProbeOK, Status: 200, Latency: 3200 * time.Microsecond, At: ago(time.Second)},
		}
	}
	s := &health.Snapshot{
		App: "changelog", PrimaryRegion: "iad", At: now, Verdict: health.Unhealthy,
		Sources: health.Sources{
			Platform: good,
			DNS:      good,
			Probes:   health.Source{OK: true, At: ago(time.Second), GoodAt: ago(time.Second)},
		},
		Network: wg.Status{
			State: wg.StateUp, Kind: wg.KindUser, Transport: "udp", Device: "user-mode", RTT: 12 * time.Millisecond,
			HandshakeKnown: true, HandshakeAt: ago(64 * time.Second), Addresses: []netip.Prefix{netip.MustParsePrefix("fdaa::2/120")},
		},
		Instances: []health.Instance{instance("48e00000000001", "fra"), instance("48e00000000002", "fra"), instance("48e00000000003", "iad"), instance("48e00000000004", "iad"), instance("48e00000000005", "syd")},
		Regions: []health.Region{
			{Code: "fra", Level: health.LevelCritical, Total: 2, OK: 1, Restarts: 7, Releases: []int{42, 41}, P50: 88 * time.Millisecond, Max: 90 * time.Millisecond},
			{Code: "iad", Primary: true, Level: health.LevelWarning, Total: 2, OK: 1, Releases: []int{42}, P50: 3 * time.Millisecond, Max: 4 * time.Millisecond},
			{Code: "syd", Level: health.LevelUnknown, Total: 1, Unknown: 1, Releases: []int{}},
		},
		Releases: []health.Release{
			{Version: 42, Status: "complete", Description: "Deploy image", By: "operator", At: ago(26 * time.Hour), Instances: 4},
			{Version: 41, Status: "complete", Description: "Deploy image", By: "operator", At: ago(72 * time.Hour), Instances: 1},
		},
		Agreement: []health.Agreement{
			{Path: "/feed", At: ago(9 * time.Second), Groups: []health.Group{
				{Status: 200, Hash: "0a1b2c3d4e5f", Bytes: 48213, Title: "Feed – 日本語", Instances: []string{"48e00000000001", "48e00000000003", "48e00000000004"}, Since: ago(time.Hour)},
				{Status: 200, Hash: "ffeeddccbbaa", Bytes: 47900, Title: "Feed", Age: "Wed, 04 Mar 2026 11:00:00 GMT", Instances: []string{"48e00000000002"}, Since: ago(31 * time.Minute)},
				{Error: "no answer within 5s", Instances: []string{"48e00000000005"}, Since: ago(2 * time.Minute)},
			}},
			{Path: "/", At: ago(9 * time.Second), Agree: true, Groups: []health.Group{{Status: 200, Hash: "123456789abc", Bytes: 812, Instances: []string{"48e00000000001"}, Since: ago(time.Hour)}}},
		},
		Cluster: &health.Cluster{
			At: ago(40 * time.Second), Command: "/app/bin/app rpc Node.list",
			Groups: []health.ClusterGroup{
				{Instances: []string{"48e00000000001", "48e00000000003", "48e00000000004"}, Nodes: []string{"a@fdaa::1", "a@fdaa::3", "a@fdaa::4"}},
				{Instances: []string{"48e00000000002"}, Nodes: []string{"a@fdaa::2"}},
			},
			Unknown: []health.ClusterUnknown{{Instance: "48e00000000005", Error: "host unreachable"}},
		},
	}
	in := s.Instances
	in[0].Level, in[0].Restarts, in[0].OOMKills, in[0].Release = health.LevelCritical, 7, 2, 41
	in[0].Probe = health.Probe{State: health.ProbeRefused, Error: "connection refused", At: ago(time.Second)}
	in[0].Checks[0].Status = "critical"
	in[0].LastExit = &health.Exit{At: ago(time.Minute), Code: 137, OOM: true, Restarting: true}
	in[0].Events = []health.Event{{At: ago(time.Minute), Type: "exit", Status: "stopped", Source: "flyd", Exit: in[0].LastExit}}
	in[0].Probe.History = []health.Sample{{At: ago(time.Second), State: health.ProbeRefused}}
	in[0].Problems = []string{"instance.crash_loop"}
	in[3].Level, in[3].Cordoned, in[3].Autostop = health.LevelWarning, true, true
	in[4] = health.Instance{
		ID: "48e00000000005", Region: "syd", Level: health.LevelUnknown, HostStatus: "unreachable", PlatformAt: ago(2 * time.Second), Retained: true,
		Checks: []health.Check{}, DNS: health.DNS{Known: true}, Probe: health.Probe{State: health.ProbeTimeout}, StartedAt: time.Time{},
	}
	s.Problems = []ops.Problem{
		{
			Code: "instance.crash_loop", Severity: ops.Critical, Subject: ops.Subject{Region: "fra", Instance: "48e00000000001"}, Title: "crash loop",
			Detail: "7 restarts, last out of memory (it has 1024 MB)", Hint: "read its logs from just before the exit; roll back if the release is new", Since: ago(14 * time.Minute),
		},
		{
			Code: "instance.cordoned", Severity: ops.Warning, Subject: ops.Subject{Region: "iad", Instance: "48e00000000004"}, Title: "cordoned",
			Hint: "the proxy sends it nothing", Since: ago(2 * time.Hour),
		},
		{
			Code: "content.disagrees", Severity: ops.Warning, Subject: ops.Subject{Region: "fra", Instance: "48e00000000002", Path: "/feed"}, Title: "instances serve different content",
			Detail: `3 of 4 serve the same; otherwise 48e00000000002 (fra) "Feed", from Wed, 04 Mar 2026 11:00:00 GMT`, Hint: "the smaller group is likely the stale one", Since: ago(31 * time.Minute),
		},
	}
	s.Timeline = []health.Mark{{At: ago(time.Minute), Kind: "oom", Level: health.LevelCritical, Subject: s.Problems[0].Subject, Text: "killed for want of memory"}}
	return s
}

func blackout() *health.Snapshot {
	dead := health.Source{At: ago(time.Second), Error: "list machines of changelog: 503 service unavailable", Hint: "see https://status.flyio.net"}
	return &health.Snapshot{
		App: "changelog", At: now, Verdict: health.NotKnown,
		Sources:  health.Sources{Platform: dead, DNS: health.Source{At: ago(time.Second), GoodAt: ago(5 * time.Minute), Error: "no answer"}},
		Problems: []ops.Problem{{Code: "platform.unreachable", Severity: ops.Unknown, Title: "platform API gives no answer", Detail: dead.Error, Since: ago(time.Minute)}},
		Network:  wg.Status{State: wg.StateDead, Kind: wg.KindUser, Cause: "the peer has not answered for 20 s", Advice: "check that UDP port 51820 is open"},
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		name string
		s    *health.Snapshot
		o    report.Options
	}{
		{"incident-wide", incident(), report.Options{Now: now}},
		{"incident-80", incident(), report.Options{Now: now, Width: 80}},
		{"incident-40-ascii", incident(), report.Options{Now: now, Width: 40, ASCII: true}},
		{"incident-colour", incident(), report.Options{Now: now, Width: 120, Color: true}},
		{"blackout", blackout(), report.Options{Now: now, Width: 80}},
		{"nothing", &health.Snapshot{App: "changelog", Verdict: health.NotKnown}, report.Options{Width: 80}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := report.Text(&b, tt.s, tt.o); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name+".txt", b.Bytes())
			for l := range strings.Lines(b.String()) {
				l = strings.TrimSuffix(l, "\n")
				if w := (&runewidth.Condition{}).StringWidth(l); tt.o.Width > 0 && !tt.o.Color && w > tt.o.Width {
					t.Errorf("%d cells, want at most %d: %q", w, tt.o.Width, l)
				}
				if tt.o.ASCII && strings.ContainsFunc(l, func(r rune) bool { return r >= utf8.RuneSelf }) {
					t.Errorf("not ASCII: %q", l)
				}
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, incident()); err != nil {
		t.Fatal(err)
	}
	golden(t, "incident.json", b.Bytes())
	var back health.Snapshot
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(incident(), &back, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// golden compares with a file of testdata, and rewrites it where UPDATE_GOLDEN is set.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestEveryFieldIsDocumented keeps docs/status-json.md in step with the types.
func TestEveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/status-json.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys(reflect.TypeFor[health.Snapshot](), map[reflect.Type]bool{}) {
		if !bytes.Contains(doc, []byte("`"+key+"`")) {
			t.Errorf("docs/status-json.md does not mention `%s`", key)
		}
	}
}

// keys are the JSON keys of a type and of what it holds.
func keys(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[netip.Prefix]() || seen[t] {
		return nil
	}
	seen[t] = true
	var out []string
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, key)
		out = append(out, keys(f.Type, seen)...)
	}
	return out
}
