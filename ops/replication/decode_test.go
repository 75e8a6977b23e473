package replication

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/postgres"
)

func answerFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "answers", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDecodePrimary(t *testing.T) {
	got, err := decodeReading(answerFile(t, "primary.json"))
	if err != nil {
		t.Fatal(err)
	}
	lag, safe := 349*time.Microsecond, int64(8388608)
	want := &Reading{
		Version: 180004, Now: time.UnixMicro(1795263170287941).UTC(), Boot: time.UnixMicro(1795263168983131).UTC(),
		SystemID: "7710596596660670270", ControlTLI: 2, WALFileTLI: 31, Address: "fdaa:0:18:a7b:7d:f066:9a:2", ReadOnly: []string{"app", "billing"},
		Positions: Positions{Flush: 0x174B2C8, Write: 0x174B2C9, Insert: 0x174B2CA, Fork: 0x1700000},
		Monitor:   true, SyncNames: "FIRST 1 (r1)", SyncWaiters: 3,
		Senders: []SenderRow{{
			PID: 24457, Application: "r1", Client: "fdaa::3", State: "streaming", Sent: 0x174B2C8, Write: 0x174B2C7, Flush: 0x174B2C6,
			Replay: 0x174B2C5, ReplayLag: &lag, Sync: "sync", Reply: time.UnixMicro(1795263169185659).UTC(),
		}},
		Slots: []SlotRow{
			{Name: "repmgr_slot_1", Type: "physical", Active: true, ActivePID: 24457, Restart: 0x174B2C8, WALStatus: "reserved", Safe: &safe},
			{
				Name: "repmgr_slot_2", Type: "physical", WALStatus: "lost", Invalidation: "wal_removed",
				InactiveAt: time.UnixMicro(1795263100000001).UTC(),
			},
		},
		Conflicts: -1, SegmentSize: 16777216, WALLevel: "logical", WALLogHints: true, MaxSlotKeep: -1, MaxWALSize: 1073741824,
		ArchiveFailing: true, AppSessions: 12, FreeSenders: 9, CheckpointAge: 2287941 * time.Microsecond,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeReplica(t *testing.T) {
	got, err := decodeReading(answerFile(t, "replica.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Reading{
		Version: 130023, InRecovery: true, Now: time.UnixMicro(1795263168255114).UTC(), Boot: time.UnixMicro(1795263167020529).UTC(),
		SystemID: "7710596587744804525", ControlTLI: 1, Monitor: true,
		Positions:  Positions{Receive: 0x1000000, Replay: 0x15C49E0},
		LastCommit: time.UnixMicro(1795263160500000).UTC(), Paused: "pause requested", ApplyDelay: 3 * time.Second, Feedback: true,
		Receiver: &ReceiverRow{
			PID: 24268, Status: "streaming", Written: 0x15C49E0, Flushed: 0x1000000, TLI: 1, Host: "fdaa::5", Port: 5433, Slot: "s1",
			LastSent: time.UnixMicro(1795263167028225).UTC(), LastGot: time.UnixMicro(1795263167028279).UTC(),
		},
		StartupWait: "RecoveryConflictLock",
		Blockers: []Blocker{{
			PID: 77, Query: "select pg_sleep(4) from orders", User: "report", Application: "psql", Age: 12.5, MaxDelay: "20s",
		}},
		Conflicts: 4, SegmentSize: 16777216, WALLevel: "replica", MaxSlotKeep: 67108864, MaxWALSize: 1073741824,
		Watchers: 1, AppSessions: 2, FreeSenders: 10, CheckpointAge: 2255114 * time.Microsecond,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeWithoutPrivileges(t *testing.T) {
	got, err := decodeReading(answerFile(t, "unprivileged.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Reading{
		Version: 150018, InRecovery: true, Now: time.UnixMicro(1795263100201053).UTC(), Boot: time.UnixMicro(1795262891391964).UTC(),
		Positions: Positions{Replay: 0x630138},
		Senders:   []SenderRow{{PID: 20629, Application: "r1"}, {PID: 20639, Application: "r2"}},
		Receiver:  &ReceiverRow{PID: 20628},
		Conflicts: -1, MaxSlotKeep: -1, Watchers: -1, AppSessions: -1, FreeSenders: -1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeAurora(t *testing.T) {
	got, err := decodeReading(`{"core": {"version": 160006, "recovery": true, "monitor": true}, "aurora": [
		{"server": "one", "session": "MASTER_SESSION_ID", "lag": null, "durable": 8125378, "read": null, "at": 1795263100.5},
		{"server": "two", "session": "5f1c", "lag": 0.0175, "durable": null, "read": 8125370, "at": 1795263100.5}]}`)
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMicro(1795263100500000).UTC()
	want := []AuroraRow{
		{Server: "one", Writer: true, Durable: 8125378, At: at},
		{Server: "two", Lag: 17500 * time.Microsecond, Read: 8125370, At: at},
	}
	if d := cmp.Diff(want, got.Aurora); d != "" {
		t.Error(d)
	}
}

func TestAServersOwnReadOnlyDefaultIsOfAllDatabases(t *testing.T) {
	for text, want := range map[string][]string{
		`{"default": "on", "explained": false, "databases": null}`:    {"*"},
		`{"default": "on", "explained": true, "databases": ["app"]}`:  {"app"},
		`{"default": "on", "explained": false, "databases": ["app"]}`: {"*", "app"},
		`{"default": "off", "explained": true, "databases": ["app"]}`: {"app"},
		`{"default": "off"}`: nil,
	} {
		r, err := decodeReading(`{"core": {"version": 150000, "recovery": false}, "read_only": ` + text + `}`)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, r.ReadOnly); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	core := `"core": {"version": 150000, "recovery": true}`
	for name, text := range map[string]string{
		"nothing":              ``,
		"no object":            `[]`,
		"no core":              `{"wal": {}}`,
		"no recovery":          `{"core": {"version": 150000}}`,
		"no version":           `{"core": {"recovery": true}}`,
		"a word for a boolean": `{"core": {"version": 150000, "recovery": "t"}}`,
		"a number for an LSN":  `{` + core + `, "receive": 17}`,
		"a bad LSN":            `{` + core + `, "receive": "0/1000000000"}`,
		"a text for a time":    `{` + core + `, "wal": {"commit": "yesterday"}}`,
		"a time long ago":      `{` + core + `, "wal": {"commit": -1}}`,
		"a time never":         `{` + core + `, "wal": {"commit": 1e300}}`,
		"a bad timeline":       `{` + core + `, "timeline": "0000001"}`,
		"a signed timeline":    `{` + core + `, "timeline": "+0000001"}`,
		"rows that are none":   `{` + core + `, "senders": {"pid": 1}}`,
		"a word for a number":  `{` + core + `, "senders": [{"pid": "one"}]}`,
		"half a process":       `{` + core + `, "senders": [{"pid": 1.5}]}`,
		"an endless lag":       `{` + core + `, "senders": [{"replay_lag": 1e18}]}`,
		"something after it":   `{` + core + `} {}`,
	} {
		if r, err := decodeReading(text); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestDecodePassesOverWhatItDoesNotKnow(t *testing.T) {
	if _, err := decodeReading(`{"core": {"version": 210000, "recovery": true, "mood": [1]}, "weather": {"sun": true}}`); err != nil {
		t.Error(err)
	}
}

func TestHostileNamesAreMadeSafe(t *testing.T) {
	bad := `\u001b]0;owned\u0007\u202e` + strings.Repeat("x", 2000) + `\n`
	r, err := decodeReading(`{"core": {"version": 150000, "recovery": true, "address": "` + bad + `", "monitor": true}, "senders": [{"pid": 1,
		"application": "` + bad + `"}], "slots": [{"name": "` + bad + `"}], "read_only": {"databases": ["` + bad + `"]},
		"blockers": [{"query": "` + bad + `"}], "settings": {"sync_names": "` + bad + `"}, "pause": "` + bad + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	checkSafe(t, r)
}

// checkSafe looks at every text of a reading.
func checkSafe(t *testing.T, r *Reading) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case string:
			if len([]rune(v)) > longestList || strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
				t.Errorf("a text of %d characters: %.60q", len([]rune(v)), v)
			}
		}
	}
	walk(v)
}

func FuzzDecodeReading(f *testing.F) {
	for _, name := range []string{"primary.json", "replica.json", "unprivileged.json"} {
		f.Add(answerFile(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := decodeReading(text)
		if err != nil {
			return
		}
		if r.Conflicts < -1 || r.MaxSlotKeep < -1 || r.Watchers < -1 || r.AppSessions < -1 || r.FreeSenders < -1 || r.ApplyDelay < 0 || r.CheckpointAge < 0 {
			t.Errorf("%+v", r)
		}
		checkSafe(t, r)
		// A recording gives the same back.
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again Reading
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, &again); d != "" {
			t.Error(d)
		}
	})
}

func TestDecodeSample(t *testing.T) {
	sent, received := time.Unix(1, 0), time.Unix(2, 0)
	got, err := decodeSample(postgres.Answer{Value: "16/B374D848 16/B374D860", Sent: sent, Received: received})
	if want := (Sample{Sent: sent, Received: received, Flush: 0x16B374D848, Insert: 0x16B374D860}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "16/B374D848", " ", "16/B374D848 0", "0/1 0/2 0/3"} {
		if s, err := decodeSample(postgres.Answer{Value: bad}); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}
