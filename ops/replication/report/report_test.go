package report_test

import (
	stdbytes "bytes"
	"encoding/json"
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
	"ops-console/ops/postgres"
	"ops-console/ops/replication"
	"ops-console/ops/replication/report"
)

var now = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func p[T any](v T) *T { return &v }

func bounded(lo, est, hi float64) replication.Lag {
	return replication.Lag{Lo: &lo, Est: &est, Hi: &hi, Kind: replication.LagBounded, Source: replication.FromRing}
}

func caughtUp(hi float64) replication.Lag {
	return replication.Lag{Lo: p(0.0), Est: p(0.0), Hi: &hi, Kind: replication.LagCaughtUp, Source: replication.FromRing}
}

func atLeast(lo float64) replication.Lag {
	return replication.Lag{Lo: &lo, Est: &lo, Kind: replication.LagAtLeast, Source: replication.FromPrimary}
}

func primary() replication.Node {
	return replication.Node{
		Name: "3d8d9", Region: "ams", Address: "[fdaa:0:18::3]:5433", Role: postgres.RolePrimary, Expected: postgres.RolePrimary,
		State: replication.Primary, StateSince: ago(72 * time.Hour), Level: replication.LevelOK, Version: "15.18", SystemID: "7400000008233981",
		Timeline: 3, TimelineFrom: "walfile", BootAt: ago(72 * time.Hour), ReadAt: ago(time.Second), RTT: p(0.0124), Skew: &replication.Skew{Offset: 0.002, Error: 0.006},
		Privileges: "full", LSN: replication.Positions{Flush: 0x2d009a4458, Write: 0x2d009a4458, Insert: 0x2d009a4470}, Lag: replication.Lag{Kind: replication.LagUnknown},
	}
}

func replica(name, region string) replication.Node {
	return replication.Node{
		Name: name, Region: region, Address: name + ".example.com:5433", Role: postgres.RoleReplica, Expected: postgres.RoleReplica, Upstream: "3d8d9", Depth: 1,
		State: replication.Streaming, StateSince: ago(72 * time.Hour), Level: replication.LevelOK, Version: "15.18", SystemID: "7400000008233981",
		Timeline: 3, TimelineFrom: "receiver", BootAt: ago(72 * time.Hour), ReadAt: ago(time.Second), RTT: p(0.0871), Skew: &replication.Skew{Offset: 0.01, Error: 0.04},
		Privileges: "full", LSN: replication.Positions{Receive: 0x2d009a4458, Replay: 0x2d009a4458},
		Behind: replication.Behind{Total: p(int64(0)), Unsent: p(int64(0)), InFlight: p(int64(0)), ToFlush: p(int64(0)), ToReplay: p(int64(0))},
		Lag:    caughtUp(0.23), Visible: &replication.Distribution{P50: 0.041, P95: 0.054, Max: 0.2, N: 290, Resolution: 0.21}, Slot: "slot_" + name,
		Receiver: &replication.Receiver{PID: 77, Status: "streaming", Host: "fdaa:0:18::3", Port: 5433, Slot: "slot_" + name, LastMessage: p(0.2)},
		Sender:   &replication.Sender{Of: "3d8d9", PID: 99, State: "streaming", Sent: 0x2d009a4458, Replay: 0x2d009a4458, LastReply: p(0.3), At: ago(time.Second)},
		Trail:    []replication.Point{{At: now}},
	}
}

func healthy() *replication.Snapshot {
	return &replication.Snapshot{
		App: "changelog", PrimaryRegion: "ams", At: now, Verdict: replication.Healthy, Interval: 1,
		SystemID: "7400000008233981", Timeline: 3, Primary: "3d8d9", Flush: 0x2d009a4458, FlushAge: p(0.2), WALRate: &replication.Rate{Now: 2_100_000, Long: 1_900_000},
		Problems: []ops.Problem{}, Nodes: []replication.Node{primary(), replica("9ab1", "lax")},
		Slots: []replication.Slot{{Node: "3d8d9", Name: "slot_9ab1", Type: "physical", Active: true, Owner: "9ab1", Retained: p(int64(0)), WALStatus: "reserved", Level: replication.LevelOK}},
		Regions: []replication.Region{{
			Code: "lax", Nodes: []string{"9ab1"}, Lag: caughtUp(0.23), Level: replication.LevelOK, Visible: &replication.Distribution{P50: 0.041, P95: 0.054, Max: 0.2, N: 290, Resolution: 0.21},
			Waits: &replication.Distribution{P50: 0.066, P95: 0.079, Max: 0.23, N: 290, Resolution: 0.21},
		}},
		Readiness: &replication.Readiness{Safe: true, Candidate: "9ab1", Region: "lax", LossBytes: p(int64(0)), Loss: p(caughtUp(0)), Backlog: p(0.0), Verdict: "9ab1 can take over and nothing is lost"},
	}
}

// trouble has one of everything.
func trouble() *replication.Snapshot {
	s := healthy()
	s.Verdict = replication.Unhealthy
	s.FlushAge = p(134.0)

	behind := replica("9ab1", "lax")
	behind.State, behind.StateSince, behind.Level, behind.Reason = replication.CatchUp, ago(2*time.Minute), replication.LevelCritical, "replays 1.2 MB/s more than is written"
	behind.Lag, behind.ETA = bounded(11.9, 12.4, 12.8), p(40.2)
	behind.Behind = replication.Behind{Total: p(int64(31_000_000)), Unsent: p(int64(0)), InFlight: p(int64(1_000_000)), ToFlush: p(int64(0)), ToReplay: p(int64(30_000_000))}
	behind.Receive, behind.Replay = &replication.Rate{Now: 2_100_000}, &replication.Rate{Now: 3_300_000}

	cut := replica("c07e", "syd")
	cut.State, cut.StateSince, cut.Level, cut.Reason = replication.Detached, ago(134*time.Second), replication.LevelWarning, "no WAL receiver, and no sender knows it"
	cut.Lag, cut.Visible, cut.Receiver, cut.Sender = atLeast(134.9), nil, nil, nil
	cut.Behind = replication.Behind{Total: p(int64(188_000_000))}

	below := replica("77fe", "fra")
	below.Upstream, below.Depth = "9ab1", 2
	below.State, below.StateSince, below.Level, below.Reason, below.Paused = replication.Paused, ago(362*time.Second), replication.LevelWarning, "replay is paused: select pg_wal_replay_resume()", "paused"
	below.Lag = bounded(361.2, 361.6, 361.9)
	below.Skew = &replication.Skew{Offset: 30.01, Error: 0.04}

	blocked := replica("e0e0", "iad")
	blocked.State, blocked.StateSince, blocked.Level, blocked.Reason, blocked.WaitEvent = replication.Blocked, ago(95*time.Second), replication.LevelWarning, "replay waits for a query", "RecoveryConflictSnapshot"
	blocked.Lag, blocked.ApplyDelay = bounded(94, 95, 96.5), 3
	blocked.Blocker = &replication.Blocker{PID: 4411, Query: "SELECT … FROM events", User: "app", Application: "reports", Age: 362, MaxDelay: "-1"}

	hung := replica("b1b1", "gru")
	hung.State, hung.StateSince, hung.Level = replication.Unreachable, ago(30*time.Second), replication.LevelWarning
	hung.Failure = &replication.NodeFailure{Kind: postgres.FailTimeout, Text: "no answer within 900ms", Hint: "log in to the machine; is it stopped?", Since: ago(30 * time.Second)}
	hung.Lag, hung.ReadAt, hung.RTT = bounded(29.1, 29.5, 30.2), ago(31*time.Second), nil
	hung.Lag.Source = replication.FromPrimary

	never := replication.Node{Name: "new", Address: "new.example.com:5433", Expected: postgres.RoleReplica, State: replication.Unreachable, Level: replication.LevelUnknown, Lag: replication.Lag{Kind: replication.LagUnknown}}
	never.Failure = &replication.NodeFailure{Kind: postgres.FailAuth, SQLState: "28P01", Text: "password authentication failed for user \"console\"", Since: ago(30 * time.Second)}
	never.Reason = never.Failure.Text

	lead := primary()
	lead.ReadOnly, lead.Waiters, lead.Level = []string{"app", "app_jobs"}, 3, replication.LevelCritical
	s.Nodes = []replication.Node{lead, behind, below, cut, blocked, hung, never}

	s.Problems = []ops.Problem{
		{Code: "replication.times_out", Severity: ops.Critical, Subject: ops.Subject{Region: "lax", Instance: "9ab1"}, Title: "rpc_and_wait raises", Detail: "lag is at least 11.9 s; it raises at 5 s, after the write was committed", Hint: "find what holds replay up", Since: ago(2 * time.Minute)},
		{Code: "replication.slot_inactive", Severity: ops.Warning, Subject: ops.Subject{Instance: "3d8d9", Path: "slot_c07e"}, Title: "nobody uses the slot", Detail: "188 MB retained", Since: ago(134 * time.Second)},
	}
	s.Slots = []replication.Slot{
		{Node: "3d8d9", Name: "slot_c07e", Type: "physical", Owner: "c07e", Retained: p(int64(188_000_000)), Safe: p(int64(4_800_000_000)), WALStatus: "extended", InactiveFor: p(134.0), ETAToLoss: p(2286.0), Level: replication.LevelWarning},
		{Node: "3d8d9", Name: "old", Type: "logical", WALStatus: "lost", Invalidation: "wal_removed", Level: replication.LevelCritical},
		{Node: "3d8d9", Name: "slot_9ab1", Type: "physical", Active: true, Owner: "9ab1", Retained: p(int64(31_000_000)), WALStatus: "reserved", Level: replication.LevelOK},
	}
	s.Regions = []replication.Region{
		{Code: "fra", Nodes: []string{"77fe"}, Lag: below.Lag, Level: replication.LevelCritical, TimesOut: true, Verdict: "every rpc_and_wait raises after 5 s, with its write committed"},
		{Code: "gru", Nodes: []string{}, Level: replication.LevelUnknown, Lag: replication.Lag{Kind: replication.LagUnknown}, Verdict: "instances run here and no replica is known"},
		{Code: "iad", Nodes: []string{"e0e0"}, Lag: caughtUp(0.4), Level: replication.LevelWarning, InsertGap: true},
		{Code: "lax", Nodes: []string{"9ab1"}, Lag: bounded(1.9, 2.4, 2.8), Level: replication.LevelWarning, Visible: &replication.Distribution{P50: 2.1, P95: 12.6, Max: 13, N: 80}, Waits: &replication.Distribution{P50: 2.2, P95: 12.7, Max: 13, N: 80}, UntilRaise: p(14.2)},
	}
	s.Readiness = &replication.Readiness{
		Candidate: "9ab1", Region: "lax", LossBytes: p(int64(1_000_000)), Loss: p(bounded(0.4, 0.5, 0.62)), Backlog: p(9.1), Missing: []string{"slot_c07e", "slot_77fe"},
		Obstacles: []string{"it is outside the primary region", "the archiver fails"}, Verdict: "9ab1 would lose up to 1.0 MB",
	}
	for i := range 12 {
		s.Events = append(s.Events, replication.Event{At: ago(time.Duration(i+1) * time.Minute), Node: "9ab1", From: replication.Streaming, To: replication.CatchUp, Text: "streaming → catching up", LSN: 0x2d009a4458})
	}
	s.Notes = []string{"console may not read all of pg_stat_replication on c07e, 9ab1: run on the primary  GRANT pg_monitor TO console;"}
	return s
}

// states has a node in every state, the hostile text among them.
func states() *replication.Snapshot {
	s := healthy()
	s.Primary, s.Verdict, s.WALRate, s.Timeline, s.Flush = "", replication.Unhealthy, nil, 0, 0
	s.Nodes, s.Slots, s.Regions, s.Readiness = nil, nil, nil, nil
	for i, state := range []replication.State{
		replication.Unreachable, replication.Foreign, replication.Misrouted, replication.Primary, replication.SplitBrain, replication.Restored,
		replication.Diverged, replication.Orphaned, replication.Lost, replication.Paused, replication.Detached, replication.Silent, replication.Blocked,
		replication.Delayed, replication.CatchUp, replication.FallingBehind, replication.Lagging, replication.Streaming, replication.StateUnknown,
	} {
		n := replica("node-"+string(rune('a'+i)), "fra")
		n.State, n.Level, n.Reason = state, replication.LevelWarning, "why it is "+string(state)+"\x1b[2J\u202e"
		n.Lag, n.Behind = replication.Lag{Kind: replication.LagUnknown}, replication.Behind{}
		n.Receive, n.Replay, n.StateSince = nil, nil, time.Time{}
		if state == replication.Primary || state == replication.SplitBrain {
			n.Role, n.Depth, n.Upstream = postgres.RolePrimary, 0, ""
		}
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

func blackout() *replication.Snapshot {
	return &replication.Snapshot{
		App: "changelog", At: now, Verdict: replication.NotKnown, Interval: 1,
		Problems: []ops.Problem{{Code: "replication.primary_unreachable", Severity: ops.Unknown, Title: "no primary answers", Since: ago(time.Minute)}},
		Nodes: []replication.Node{{
			Name: "3d8d9", Region: "ams", Expected: postgres.RolePrimary, State: replication.Unreachable, StateSince: ago(time.Minute), Level: replication.LevelUnknown,
			Failure: &replication.NodeFailure{Kind: postgres.FailRefused, Text: "connection refused", Since: ago(time.Minute)}, Lag: replication.Lag{Kind: replication.LagUnknown},
		}},
		Slots: []replication.Slot{}, Regions: []replication.Region{{Code: "ams", Nodes: []string{"3d8d9"}, Level: replication.LevelUnknown}},
		Readiness: &replication.Readiness{Verdict: "nothing is known of a candidate"},
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		name string
		s    *replication.Snapshot
		o    report.Options
	}{
		{"healthy-80", healthy(), report.Options{Now: now, Width: 80}},
		{"healthy-wide", healthy(), report.Options{Now: now}},
		{"trouble-wide", trouble(), report.Options{Now: now}},
		{"trouble-120", trouble(), report.Options{Now: now, Width: 120}},
		{"trouble-80", trouble(), report.Options{Now: now, Width: 80}},
		{"trouble-80-ascii", trouble(), report.Options{Now: now, Width: 80, ASCII: true}},
		{"trouble-colour", trouble(), report.Options{Now: now, Width: 120, Color: true}},
		{"states-80", states(), report.Options{Now: now, Width: 80}},
		{"blackout-80", blackout(), report.Options{Now: now, Width: 80}},
		{"nothing", &replication.Snapshot{App: "changelog", Verdict: replication.NotKnown}, report.Options{Width: 80}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b stdbytes.Buffer
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

// Colour says nothing that words do not.
func TestWithoutColourTheWordsAreTheSame(t *testing.T) {
	text := func(color bool) string {
		var b strings.Builder
		if err := report.Text(&b, trouble(), report.Options{Now: now, Width: 120, Color: color}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	colour := text(true)
	for _, sgr := range []string{"1;31", "33", "36", "32", "0"} {
		colour = strings.ReplaceAll(colour, "\x1b["+sgr+"m", "")
	}
	if diff := cmp.Diff(text(false), colour); diff != "" {
		t.Errorf("(-plain +colour):\n%s", diff)
	}
}

// A lag that is not known is never written as a figure.
func TestUnknownIsNeverZero(t *testing.T) {
	for _, width := range []int{0, 80, 120} {
		var b strings.Builder
		if err := report.Text(&b, states(), report.Options{Now: now, Width: width}); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			if strings.Contains(l, "node-") && !strings.Contains(l, "?") {
				t.Errorf("no ? in %q", l)
			}
			if strings.Contains(l, " 0 B") || strings.Contains(l, " 0s") || strings.Contains(l, " 0.0s") {
				t.Errorf("a zero in %q", l)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	var b stdbytes.Buffer
	if err := report.JSON(&b, trouble()); err != nil {
		t.Fatal(err)
	}
	golden(t, "trouble.json", b.Bytes())
	var back replication.Snapshot
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	want := trouble()
	for i := range want.Nodes {
		want.Nodes[i].Trail = nil
	}
	if diff := cmp.Diff(want, &back); diff != "" {
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

// TestEveryFieldIsDocumented keeps docs/replication.md in step with the types.
func TestEveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/replication.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys(reflect.TypeFor[replication.Snapshot](), map[reflect.Type]bool{}) {
		if !stdbytes.Contains(doc, []byte("`"+key+"`")) {
			t.Errorf("docs/replication.md does not mention `%s`", key)
		}
	}
}

// keys are the JSON keys of a type and of what it holds.
func keys(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || seen[t] {
		return nil
	}
	seen[t] = true
	var out []string
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key != "-" {
			out = append(out, key)
			out = append(out, keys(f.Type, seen)...)
		}
	}
	return out
}

// TestWhatOneReadingSaysOfACutReplica has a lag by clocks, stages that nobody knows, and a rate without a past.
func TestWhatOneReadingSaysOfACutReplica(t *testing.T) {
	cut := replica("c07e", "syd")
	cut.State, cut.Level, cut.StateSince, cut.Receiver, cut.Sender = replication.Detached, replication.LevelCritical, time.Time{}, nil, nil
	cut.Lag = replication.Lag{Lo: p(5.2), Est: p(18.0), Kind: replication.LagHint, Source: replication.FromTimestamp}
	cut.Behind = replication.Behind{Total: p(int64(462_500)), ToReplay: p(int64(500))}
	late := replica("9ab1", "lax")
	late.State, late.ApplyDelay, late.Reason = replication.Delayed, 3, "recovery_min_apply_delay = 3s"
	s := &replication.Snapshot{
		App: "prod", At: now, Verdict: replication.Unhealthy, Primary: "3d8d9", WALRate: &replication.Rate{Now: 6000, Long: 6000},
		Nodes: []replication.Node{primary(), cut, late},
	}
	var b strings.Builder
	if err := report.Text(&b, s, report.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"WAL 6.0 kB/s   ", "~18s", "behind by stage: 462.0 kB not received, 500 B to replay\n",
		"the lag is a guess from commit time and clocks, until there are bounds; at least 5.2s is certain\n", "recovery_min_apply_delay = 3s\n",
	} {
		if strings.Count(b.String(), want) != 1 {
			t.Errorf("not once %q in\n%s", want, b.String())
		}
	}
	for _, no := range []string{"5 min", "recovery_min_apply_delay is"} {
		if strings.Contains(b.String(), no) {
			t.Errorf("%q in\n%s", no, b.String())
		}
	}
}
