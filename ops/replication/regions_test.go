package replication

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/postgres"
)

func region(s *Snapshot, code string) Region {
	i := slices.IndexFunc(s.Regions, func(r Region) bool { return r.Code == code })
	if i < 0 {
		return Region{}
	}
	return s.Regions[i]
}

func TestWhatWritersOfARegionFeel(t *testing.T) {
	appears := func(r *Reading) {
		r.Watchers, r.AppSessions = 1, 10
		r.Capabilities = postgres.Capabilities{WatchFunction: true}
	}
	tests := []struct {
		name     string
		region   string
		delay    func(name string, s float64) float64
		edit     func(name string, r *Reading)
		timesOut bool
		until    [2]float64 // bounds of UntilRaise; zero: none
		verdict  string
		codes    []string
	}{
		{name: "that of the primary", region: "px", verdict: "writes are local"},
		{name: "without a replica", region: "iad", verdict: "no replica: instances here read from px, and write by RPC"},
		{name: "a good one", region: "r1x", edit: of("r1", appears), verdict: "a write is waited for 75ms (p95 98ms)"},
		{name: "beyond the limit", region: "r1x", delay: behind(6), timesOut: true, verdict: "rpc_and_wait raises after 5.0s, when the write is committed already", codes: []string{codeLagCritical}},
		{
			name: "on its way there", region: "r1x", verdict: "rpc_and_wait raises in about",
			delay: func(_ string, s float64) float64 { return max(0.04, 0.1*(s-10)) },
			until: [2]float64{18, 22}, codes: []string{codeLag},
		},
		{
			name: "nobody watches", region: "r1x", verdict: "nobody watches the replay position here: rpc_and_wait times out", codes: []string{codeWatcher},
			edit: func(name string, r *Reading) {
				if name == "r1" {
					appears(r)
					r.Watchers = 0
				}
			},
		},
		{
			name: "an app without fly_postgres is not told of its watcher", region: "r1x", verdict: "a write is waited for",
			edit: func(name string, r *Reading) { r.Watchers, r.AppSessions = 0, 10 },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{PrimaryRegion: "px", AppRegions: []string{"iad", "r1x", "px"}}, "r1")
			c.log = writes(-20, 100, 0.05, 100)
			c.edit = tt.edit
			if tt.delay == nil {
				tt.delay = behind(0.04)
			}
			to := 41.0
			if tt.edit != nil && tt.codes != nil {
				to = 60
			}
			s := c.run(0, to, tt.delay, func(_ float64, s *Snapshot) { consistent(t, s) })
			r := region(s, tt.region)
			if !strings.HasPrefix(r.Verdict, tt.verdict) || tt.verdict == "" {
				t.Errorf("verdict %q, want %q", r.Verdict, tt.verdict)
			}
			if r.TimesOut != tt.timesOut {
				t.Errorf("times out: %v, lag %v", r.TimesOut, show(r.Lag))
			}
			if (r.UntilRaise != nil) != (tt.until[1] > 0) || r.UntilRaise != nil && (*r.UntilRaise < tt.until[0] || *r.UntilRaise > tt.until[1]) {
				t.Errorf("until it raises: %v, want %v", r.UntilRaise, tt.until)
			}
			if got := codes(s); !slices.Equal(got, tt.codes) {
				t.Errorf("problems %v, want %v", got, tt.codes)
			}
		})
	}
}

func TestAnInsertLSNThatNoReplicaReaches(t *testing.T) {
	for _, tt := range []struct {
		name   string
		flush  LSN
		header LSN
		gap    bool
	}{
		{"after a switch of segments", 0x7000000, 0x28, true},
		{"at the start of a page", 0x7002000, 0x18, true},
		{"a write that is not flushed yet", 0x7002000, 0x50, false},
		{"nothing", 0x7002000, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(Settings{}, "r1")
			c.log = log{{sent: at(-1), lsn: tt.flush}}
			c.edit = func(name string, r *Reading) {
				if name == "p" {
					r.Positions.Insert = tt.flush + tt.header
				}
			}
			s := c.run(0, 12, behind(0), nil)
			if got := region(s, "r1x").InsertGap; got != tt.gap {
				t.Errorf("gap: %v", got)
			}
			if got := slices.Contains(codes(s), codeInsertGap); got != tt.gap {
				t.Errorf("problems %v", codes(s))
			}
			if l := find(s, "r1").Lag; l.Kind != LagCaughtUp {
				t.Errorf("lag %v: it has all that was flushed", show(l))
			}
		})
	}
}

func TestSlots(t *testing.T) {
	const gb = 1 << 30
	size := func(n int64) *int64 { return &n }
	var c *cluster
	flush := func(r *Reading) LSN { return r.Positions.Flush }
	tests := []struct {
		name  string
		from  float64 // second from which the slot is not used
		row   func(r *Reading) SlotRow
		want  Slot
		codes []string
	}{
		{
			name: "in use", from: 1000,
			row:  func(r *Reading) SlotRow { return SlotRow{Restart: flush(r) - 500, WALStatus: "reserved"} },
			want: Slot{Active: true, Owner: "r1", Retained: size(2100), WALStatus: "reserved", Level: LevelOK},
		},
		{
			name: "left alone", from: 20,
			row:  func(r *Reading) SlotRow { return SlotRow{Restart: flush(r) - 500, WALStatus: "reserved"} },
			want: Slot{Owner: "r1", Retained: size(2100), WALStatus: "reserved", Level: LevelOK},
		},
		{
			name: "left alone since long, by the server's word", from: 20,
			row: func(r *Reading) SlotRow {
				return SlotRow{Restart: flush(r) - 500, WALStatus: "reserved", InactiveAt: r.Now.Add(-11 * time.Minute)}
			},
			want:  Slot{Owner: "r1", Retained: size(2100), WALStatus: "reserved", Level: LevelWarning},
			codes: []string{codeSlotInactive},
		},
		{
			name: "lost soon", from: 20,
			row: func(r *Reading) SlotRow {
				return SlotRow{Restart: flush(r) - 500, WALStatus: "extended", Safe: size(2000 * 600)}
			},
			want:  Slot{Owner: "r1", Retained: size(2100), Safe: size(2000 * 600), WALStatus: "extended", Level: LevelCritical},
			codes: []string{codeSlotNearLoss},
		},
		{
			name: "little room", from: 20,
			row: func(r *Reading) SlotRow {
				r.MaxSlotKeep = 100 * gb
				return SlotRow{Restart: flush(r) - 500, WALStatus: "extended", Safe: size(19 * gb)}
			},
			want:  Slot{Owner: "r1", Retained: size(2100), Safe: size(19 * gb), WALStatus: "extended", Level: LevelCritical},
			codes: []string{codeSlotNearLoss},
		},
		{
			name: "beyond what is safe", from: 20,
			row: func(r *Reading) SlotRow {
				return SlotRow{Restart: flush(r) - 500, WALStatus: "unreserved", Safe: size(-5)}
			},
			want:  Slot{Owner: "r1", Retained: size(2100), Safe: size(-5), WALStatus: "unreserved", Level: LevelCritical},
			codes: []string{codeSlotNearLoss},
		},
		{
			name: "keeps much", from: 1000,
			row: func(r *Reading) SlotRow {
				r.MaxWALSize = 1000
				return SlotRow{Restart: flush(r) - 2001, WALStatus: "extended"}
			},
			want:  Slot{Active: true, Owner: "r1", Retained: size(3601), WALStatus: "extended", Level: LevelWarning},
			codes: []string{codeSlotRetains},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c = newCluster(Settings{}, "r1")
			c.log = writes(-20, 100, 0.05, 100)
			c.edit = func(name string, r *Reading) {
				if name != "p" {
					return
				}
				row := tt.row(r)
				row.Name, row.Type, row.Active, row.ActivePID = "s1", "physical", true, 102
				if r.Received.After(at(tt.from)) {
					row.Active, row.ActivePID = false, 0
				}
				r.Slots = []SlotRow{row}
			}
			s := c.run(0, 40, behind(0.04), nil)
			if len(s.Slots) != 1 {
				t.Fatalf("slots %+v", s.Slots)
			}
			got := s.Slots[0]
			inactive, eta := got.InactiveFor, got.ETAToLoss
			got.InactiveFor, got.ETAToLoss = nil, nil
			tt.want.Node, tt.want.Name, tt.want.Type = "p", "s1", "physical"
			if !same(got, tt.want) {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
			if (inactive == nil) != tt.want.Active || inactive != nil && *inactive < 19 {
				t.Errorf("not used for %v", inactive)
			}
			if s := tt.want.Safe; s != nil && *s > 0 && (eta == nil || math.Abs(*eta-float64(*s)/2000) > 0.01*float64(*s)/2000) {
				t.Errorf("lost in %v", eta)
			}
			if got := codes(s); !slices.Equal(got, tt.codes) {
				t.Errorf("problems %v, want %v", got, tt.codes)
			}
		})
	}
}

func same(a, b Slot) bool {
	equal := func(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	ok := equal(a.Retained, b.Retained) && equal(a.Safe, b.Safe)
	a.Retained, a.Safe, b.Retained, b.Safe = nil, nil, nil, nil
	return ok && a == b
}

func TestReadiness(t *testing.T) {
	tests := []struct {
		name     string
		settings Settings
		delay    func(string, float64) float64
		edit     func(string, *Reading)
		want     string // name of the candidate
		safe     bool
		obstacle string
		missing  []string
		verdict  string
	}{
		{name: "the one that has most", delay: func(n string, _ float64) float64 { return map[string]float64{"r1": 2, "r2": 0.04}[n] }, want: "r2", safe: true, verdict: "safe: r2 (r2x) would lose <0.1s"},
		{name: "not the one that is paused", edit: of("r1", func(r *Reading) { r.Paused = "paused" }), want: "r2", safe: true, verdict: "safe: r2"},
		{name: "the one where writers look", settings: Settings{PrimaryRegion: "r1x"}, delay: func(n string, _ float64) float64 { return map[string]float64{"r1": 0.3, "r2": 0.04}[n] }, want: "r1", safe: true, verdict: "safe: r1"},
		{name: "none where writers look", settings: Settings{PrimaryRegion: "px"}, want: "r1", obstacle: "r1 is in r1x, writers look in px (PRIMARY_REGION)", verdict: "not safe: r1"},
		{name: "far behind", delay: behind(8), want: "r1", verdict: "not safe: r1 (r1x) would lose 8.0s"},
		{name: "another version", edit: func(n string, r *Reading) {
			if n != "p" {
				r.Version = 160004
			}
		}, want: "r1", obstacle: "r1 runs PostgreSQL 16.4, the primary 15.18", verdict: "not safe"},
		{name: "the primary could not come back", edit: func(_ string, r *Reading) { r.WALLogHints = false }, want: "r1", obstacle: "p has neither wal_log_hints nor checksums: it has to be copied anew afterwards", verdict: "not safe"},
		{name: "slots", edit: func(n string, r *Reading) {
			if n == "p" {
				r.Slots = []SlotRow{{Name: "s1", Type: "physical", Active: true, ActivePID: 102}, {Name: "s2", Type: "physical", Active: true, ActivePID: 103}, {Name: "sub", Type: "logical"}}
			}
		}, want: "r1", safe: true, missing: []string{"s2", "sub"}, verdict: "safe"},
		{name: "all paused", edit: func(_ string, r *Reading) { r.Paused = "paused" }, want: "r1", obstacle: "replay of r1 is paused", verdict: "not safe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(tt.settings, "r1", "r2")
			c.log = writes(-20, 60, 0.05, 100)
			c.edit = tt.edit
			if tt.delay == nil {
				tt.delay = behind(0.04)
			}
			r := c.run(0, 30, tt.delay, nil).Readiness
			if r == nil {
				t.Fatal("nothing")
			}
			if r.Candidate != tt.want || r.Safe != tt.safe || !strings.HasPrefix(r.Verdict, tt.verdict) || !slices.Equal(r.Missing, tt.missing) {
				t.Errorf("got %+v", *r)
			}
			if tt.obstacle == "" && len(r.Obstacles) > 0 || tt.obstacle != "" && !slices.Contains(r.Obstacles, tt.obstacle) {
				t.Errorf("obstacles %q, want %q", r.Obstacles, tt.obstacle)
			}
		})
	}
}
