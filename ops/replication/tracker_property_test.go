package replication

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ops-console/ops/postgres"
)

// replica is the truth of one: how far behind it replays from a second on, when it is cut off from its primary, and when it
// cannot be read.
type replica struct {
	name    string
	delays  []float64 // one for each ten seconds; what has been replayed stays replayed
	latency float64   // of the link, one way
	cut     float64   // from then on nothing arrives; +Inf: never
	hidden  [2]float64
	skew    time.Duration
}

func (r *replica) replayed(l log, s float64) LSN {
	got := LSN(0)
	for i := range r.delays {
		begin := float64(i) * 10
		if begin > s {
			break
		}
		end := min(s, begin+10)
		got = max(got, l.upTo(at(min(end-r.delays[i], r.cut)-r.latency)))
	}
	return max(got, l.upTo(at(-100)))
}

// TestTruthLiesWithinTheBoundsOfEverySnapshot lets a primary write at random and replicas replay with random delays, reads
// them at random moments with random round trips and wrong clocks, hides some from us and cuts some off, and compares each
// snapshot with the truth.
func TestTruthLiesWithinTheBoundsOfEverySnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const length = 40.0
		l := log{}
		p := LSN(1 << 24)
		for s := -20.0; s < length; s += rapid.Float64Range(0.01, rapid.SampledFrom([]float64{0.1, 1, 15}).Draw(t, "pace")).Draw(t, "pause") {
			p += LSN(rapid.IntRange(1, 100000).Draw(t, "bytes"))
			l = append(l, mark{sent: at(s), lsn: p})
		}
		reps := []*replica{{name: "r1"}, {name: "r2"}}
		for _, r := range reps {
			delay := rapid.Float64Range(0, rapid.SampledFrom([]float64{0.05, 3, 30}).Draw(t, "scale"))
			for range 4 {
				r.delays = append(r.delays, delay.Draw(t, "delay"))
			}
			r.latency = rapid.Float64Range(0, 0.3).Draw(t, "latency")
			r.cut = math.Inf(1)
			if rapid.Bool().Draw(t, "is cut") {
				r.cut = rapid.Float64Range(5, 35).Draw(t, "cut")
			}
			r.hidden[0] = rapid.Float64Range(0, 60).Draw(t, "hidden from")
			r.hidden[1] = r.hidden[0] + rapid.Float64Range(0, 60).Draw(t, "hidden for")
			r.skew = time.Duration(rapid.IntRange(-60000, 60000).Draw(t, "skew")) * time.Millisecond
		}
		c := newCluster(Settings{}, "r1", "r2")
		c.log = l
		trip := func() (before, after float64) {
			// Never none: then the next reading would come at the same moment.
			return rapid.Float64Range(0.001, 0.4).Draw(t, "there"), rapid.Float64Range(0.001, 0.4).Draw(t, "back")
		}
		type said struct {
			when time.Time
			lsn  LSN
		}
		// By who was read: both can be at the same moment.
		type moment struct {
			of     string
			source LagSource
			came   time.Time
		}
		truths := map[moment]said{}
		quiet := rapid.Float64Range(10, 120).Draw(t, "primary hidden from")
		rowFor := rapid.Float64Range(0, 20).Draw(t, "rows stay")
		busy := map[string]float64{}
		for s := 0.0; s < length; s += 0.2 {
			if s >= busy["p"] && s < quiet {
				before, after := trip()
				sent, came := at(s), at(s+before+after)
				flush := l.upTo(at(s + before))
				if rapid.IntRange(0, 4).Draw(t, "reading") == 0 {
					r := c.reading("p", at(s))
					r.Sent, r.Received, r.WALFileTLI, r.Positions.Flush = sent, came, 1, flush
					for i, rep := range reps {
						m := s + before
						if m > rep.cut+rowFor {
							continue
						}
						// What the primary knows is one way old; and nothing comes through a dead link.
						told := min(m, rep.cut) - rep.latency
						got := rep.replayed(l, told)
						write := l.upTo(at(told - rep.latency))
						r.Senders = append(r.Senders, SenderRow{PID: 10 + i, Application: rep.name, State: "streaming", Sent: flush, Write: max(write, got), Flush: max(write, got), Replay: got, Reply: at(told)})
						truths[moment{rep.name, FromPrimary, came}] = said{at(m), rep.replayed(l, m)}
					}
					c.t.Add(c.key("p"), r)
				} else {
					c.t.Sample(c.key("p"), Sample{Sent: sent, Received: came, Flush: flush})
				}
				busy["p"] = s + before + after
			}
			for _, rep := range reps {
				if s < busy[rep.name] || rapid.IntRange(0, 3).Draw(t, "skipped") > 0 {
					continue
				}
				if s > rep.hidden[0] && s < rep.hidden[1] {
					c.fail(rep.name, at(s), postgres.FailTimeout)
					continue
				}
				before, after := trip()
				m := s + before
				r := c.reading(rep.name, at(s))
				r.Sent, r.Received, r.InRecovery = at(s), at(s+before+after), true
				r.Now = at(m).Add(rep.skew)
				got := rep.replayed(l, m)
				r.Positions = Positions{Replay: got, Receive: got}
				r.Receiver = &ReceiverRow{PID: 3, Status: "streaming", TLI: 1, LastGot: r.Now}
				truths[moment{rep.name, FromRing, r.Received}] = said{at(m), got}
				c.t.Add(c.key(rep.name), r)
				busy[rep.name] = s + before + after
			}
			if rapid.IntRange(0, 4).Draw(t, "look") > 0 {
				continue
			}
			now := at(s + 1)
			snap := c.t.Snapshot(now)
			if rapid.IntRange(0, 9).Draw(t, "look closely") == 0 {
				consistent(t, snap)
			}
			for _, rep := range reps {
				n := find(snap, rep.name)
				if n.Lag.At.IsZero() || n.Lag.Kind == LagUnknown && n.Lag.Hi == nil {
					continue
				}
				truth, known := truths[moment{rep.name, n.Lag.Source, n.Lag.At}]
				if !known {
					// Of a moment at which only the primary was read: the upper bound holds.
					truth = said{n.Lag.At, rep.replayed(l, n.Lag.At.Sub(beginning).Seconds())}
					n.Lag.Lo = nil
					n.Lag.Est = nil
				}
				holds(t, n.Lag, l.lag(truth.lsn, truth.when))
			}
		}
	})
}

// consistent fails where a snapshot contradicts itself or cannot be written as JSON.
func consistent(t interface{ Fatalf(string, ...any) }, s *Snapshot) {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("JSON: %v", err)
	}
	var back Snapshot
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatalf("JSON that cannot be read: %v", err)
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(b) {
		t.Fatalf("JSON changes when it is read and written (%v):\n%s\n%s", err, b, again)
	}
	seen := map[string]bool{}
	for i, n := range s.Nodes {
		if n.Name == "" || seen[n.Name] {
			t.Fatalf("name %q is empty or not the only one", n.Name)
		}
		seen[n.Name] = true
		if n.State == "" || n.Level == "" || n.Lag.Kind == "" {
			t.Fatalf("%s: state %q, level %q, lag %q", n.Name, n.State, n.Level, n.Lag.Kind)
		}
		if n.Lag.Kind == LagUnknown && (n.Lag.Lo != nil || n.Lag.Est != nil) {
			t.Fatalf("%s: unknown, but %v", n.Name, show(n.Lag))
		}
		if n.ReadAt.IsZero() && n.Lag.Source == FromRing {
			t.Fatalf("%s was never read, and yet %v", n.Name, show(n.Lag))
		}
		if n.Depth > 0 && (i == 0 || s.Nodes[i-1].Depth < n.Depth-1) {
			t.Fatalf("%s at depth %d follows nobody", n.Name, n.Depth)
		}
		if n.Depth == 0 && i > 0 && s.Nodes[i-1].Depth == 0 && n.Name == s.Primary {
			t.Fatalf("the primary comes after %s", s.Nodes[i-1].Name)
		}
		if !slices.IsSortedFunc(n.Trail, func(a, b Point) int { return a.At.Compare(b.At) }) {
			t.Fatalf("%s: trail out of order", n.Name)
		}
	}
	if s.Problems == nil || s.Slots == nil || s.Regions == nil || s.Nodes == nil {
		t.Fatalf("a list is null: %s", b)
	}
	if s.Verdict == "" {
		t.Fatalf("no verdict")
	}
}
