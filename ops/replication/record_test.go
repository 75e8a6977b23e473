package replication

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ops-console/ops/postgres"
)

// collect gives every snapshot that a watcher publishes until stop.
func collect(w *Watcher, stop <-chan struct{}) []*Snapshot {
	var ss []*Snapshot
	var seq uint64
	for {
		changed := w.Changed()
		if s := w.Latest(); s.Seq > seq {
			seq = s.Seq
			if s.Value != nil {
				ss = append(ss, s.Value)
			}
			continue
		}
		select {
		case <-changed:
		case <-stop:
			return ss
		}
	}
}

func replayed(t rapid.TB, recording []byte, s Settings) []*Snapshot {
	t.Helper()
	var ss []*Snapshot
	for s, err := range Replay(bytes.NewReader(recording), s) {
		if err != nil {
			t.Fatal(err)
		}
		ss = append(ss, s)
	}
	return ss
}

func TestARecordingGivesTheSameSnapshots(t *testing.T) {
	changes := map[string]func(*fakeServer){
		"writes":    func(s *fakeServer) { s.flush += 1000 },
		"down":      func(s *fakeServer) { s.down = true },
		"up":        func(s *fakeServer) { s.down, s.hung = false, false },
		"hangs":     func(s *fakeServer) { s.hung = true },
		"promoted":  func(s *fakeServer) { s.primary = true },
		"slow":      func(s *fakeServer) { s.delay = 300 * time.Millisecond },
		"fast":      func(s *fakeServer) { s.delay = 0 },
		"read-only": func(s *fakeServer) { s.readOnly = []string{"app"} },
		"refuses":   func(s *fakeServer) { s.refuses = []string{"slots"} },
	}
	var names []string
	for name := range changes {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			server int
			change string
			wait   int
		}
		var steps []step
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			steps = append(steps, step{
				rapid.IntRange(0, 3).Draw(rt, "server"), rapid.SampledFrom(names).Draw(rt, "change"),
				rapid.IntRange(0, 1000).Draw(rt, "ms"),
			})
		}
		var recording bytes.Buffer
		var live []*Snapshot
		o := Options{Settings: Settings{App: "shop", AppRegions: []string{"iad", "syd"}}, Record: &recording}
		synctest.Test(t, func(t *testing.T) {
			w := newFakeWorld(3)
			watcher := watchFake(t, w, o)
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				live = collect(watcher, stop)
			}()
			for i, s := range steps {
				time.Sleep(time.Duration(s.wait) * time.Millisecond)
				w.servers[s.server].with(func() { changes[s.change](w.servers[s.server]) })
				if i == 3 {
					watcher.AppRegions([]string{"iad", "fra"})
				}
			}
			time.Sleep(2 * time.Second)
			watcher.Close()
			close(stop)
			<-done
		})
		again := replayed(rt, recording.Bytes(), o.Settings)
		if len(live) == 0 || len(again) != len(live) {
			rt.Fatalf("%d snapshots live, %d replayed", len(live), len(again))
		}
		for i := range live {
			opts := []cmp.Option{cmpopts.EquateEmpty(), cmpopts.EquateNaNs()}
			if i < len(live)-1 {
				opts = append(opts, cmpopts.IgnoreFields(Node{}, "Trail")) // the last ones hold the others
			}
			if d := cmp.Diff(live[i], again[i], opts...); d != "" {
				rt.Fatalf("snapshot %d of %d: %s", i, len(live), d)
			}
		}
	})
}

func TestARecordingHoldsNoSecrets(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://console:hunter2@db.example.com/app")
	if err != nil {
		t.Fatal(err)
	}
	nodes := nodeList{{Name: "one", Host: "db.example.com", Port: 5432, Config: config}}
	failure := &postgres.Failure{Kind: postgres.FailAuth, Text: "no", Err: fmt.Errorf("with %+v", config)}
	var b bytes.Buffer
	for _, e := range []entry{{Nodes: &nodes}, {Key: "one", Failure: failure}} {
		if err := e.record(&b); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(b.String(), "hunter2") {
		t.Error(b.String())
	}
	if nodes[0].Config == nil || failure.Err == nil {
		t.Error("what is recorded was changed")
	}
}

func TestReplayOfWhatIsNoRecording(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		"{}\n":                               "",
		"{}\n{\"at\":":                       "", // the console was killed while it wrote
		"hello\n":                            "line 1 of the recording",
		"{}\n{\"reading\": 1}\n{}\n":         "line 2 of the recording",
		"{}\n\x00\n":                         "line 2 of the recording",
		"{\"regions\":[\"iad\"]}\n[]\n{}\n{": "line 2 of the recording",
	} {
		got := ""
		for s, err := range Replay(strings.NewReader(text), Settings{}) {
			if s != nil {
				t.Errorf("%q: a snapshot", text)
			}
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, err := range Replay(broken{}, Settings{}) {
		if !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	}
}

var errBroken = errors.New("no disk")

// broken can be neither read nor written.
type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, errBroken }
func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestARecordingThatFailsIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWorld(1)
		watcher := watchFake(t, w, Options{Record: broken{}})
		time.Sleep(3 * time.Second)
		s := watcher.Latest()
		if s.Value == nil || !slices.Contains(s.Value.Notes, "the recording ended: no disk") {
			t.Errorf("latest %+v", s.Value)
		}
	})
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"at":"2026-11-21T12:00:00Z","nodes":[{"name":"one","host":"db.example.com","port":5432}]}
{"at":"2026-11-21T12:00:01Z","node":"db.example.com:5432","reading":{"Sent":"2026-11-21T12:00:00.9Z","Received":"2026-11-21T12:00:01Z","Version":150018}}
{"at":"2026-11-21T12:00:01Z","snapshot":true}
`))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for range Replay(bytes.NewReader(b), Settings{}) {
			if n++; n > 100 {
				break
			}
		}
	})
}
