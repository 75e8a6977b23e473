package guard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/metrics"
	"ops-console/ops/replication"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begin = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func pause(limit float64) config.Guard { return config.Guard{Mode: config.GuardPause, Limit: limit} }

func TestTheShareOfErrors(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		all, ofNew tally
		before     float64
		age        time.Duration
		want       reading
	}{
		"none":                      {all: tally{answers: 1000}, before: nan, want: reading{value: 0, text: "0%", limits: "1%"}},
		"under the limit":           {all: tally{answers: 1000, bad: 2}, before: 0, want: reading{value: .002, text: "0.20%", limits: "1%", before: "0%"}},
		"over it":                   {all: tally{answers: 1000, bad: 30}, before: .001, want: reading{value: .03, text: "3%", limits: "1%", before: "0.10%", over: true}},
		"one bad answer of few":     {all: tally{answers: 40, bad: 1}, before: nan, want: reading{value: .025, text: "2.5%", limits: "1%"}},
		"too few to say":            {all: tally{answers: 12, bad: 12}, before: nan, want: reading{value: nan, limits: "1%", why: "12 answers in a minute, it takes 30"}},
		"bad before":                {all: tally{answers: 1000, bad: 200}, before: .15, want: reading{value: .2, text: "20%", limits: "30%", before: "15%"}},
		"worse than before":         {all: tally{answers: 1000, bad: 400}, before: .15, want: reading{value: .4, text: "40%", limits: "30%", before: "15%", over: true}},
		"only the new are bad":      {all: tally{answers: 4000, bad: 20}, ofNew: tally{answers: 100, bad: 20}, before: 0, want: reading{value: .2, text: "20%", where: theNew, limits: "1%", before: "0%", over: true}},
		"the new are better":        {all: tally{answers: 4000, bad: 80}, ofNew: tally{answers: 100}, before: 0, want: reading{value: .02, text: "2%", limits: "1%", before: "0%", over: true}},
		"a new one with one error":  {all: tally{answers: 4000, bad: 60}, ofNew: tally{answers: 30, bad: 1}, before: 0, want: reading{value: .015, text: "1.5%", limits: "1%", before: "0%", over: true}},
		"something is not a number": {all: tally{answers: nan, bad: 1}, before: nan, want: reading{value: nan, limits: "1%", why: "NaN answers in a minute, it takes 30"}},
		"old metrics":               {all: tally{answers: 1000, bad: 900}, before: nan, age: 2 * time.Minute, want: reading{value: nan, limits: "1%", why: "the platform's metrics are 2m0s old"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sample{at: begin, age: c.age, all: c.all, ofNew: c.ofNew, before: baseline{errors: c.before}}
			c.want.at = begin
			got := errorsReading(s, pause(.01))
			got.limit = 0
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(reading{}), cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheResponseTime(t *testing.T) {
	nan := math.NaN()
	twice := config.Guard{Mode: config.GuardPause, Times: 2}
	for name, c := range map[string]struct {
		guard      config.Guard
		all, ofNew tally
		before     float64
		want       reading
	}{
		"a fixed limit":          {pause(.4), tally{answers: 500, p99: .205}, tally{p99: nan}, nan, reading{value: .205, text: "205ms", limits: "400ms"}},
		"over it":                {pause(.4), tally{answers: 500, p99: 1.26}, tally{p99: nan}, .2, reading{value: 1.26, text: "1.3s", limits: "400ms", before: "200ms", over: true}},
		"twice what it was":      {twice, tally{answers: 500, p99: 1.7}, tally{p99: nan}, .8, reading{value: 1.7, text: "1.7s", limits: "1.6s", before: "800ms", over: true}},
		"twice of little":        {twice, tally{answers: 500, p99: .2}, tally{p99: nan}, .05, reading{value: .2, text: "200ms", limits: "500ms", before: "50ms"}},
		"nothing to compare":     {twice, tally{answers: 500, p99: 9}, tally{p99: nan}, nan, reading{value: 9, text: "9.0s"}},
		"only shown":             {config.Guard{Mode: config.GuardWatch}, tally{answers: 500, p99: 9}, tally{p99: nan}, .1, reading{value: 9, text: "9.0s", before: "100ms"}},
		"the new are slower":     {pause(.4), tally{answers: 5000, p99: .2}, tally{answers: 300, p99: 2}, nan, reading{value: 2, text: "2.0s", where: theNew, limits: "400ms", over: true}},
		"too few to say":         {pause(.4), tally{answers: 150, p99: 9}, tally{p99: nan}, nan, reading{value: nan, limits: "400ms", why: "150 answers in a minute, it takes 200"}},
		"the metrics do not say": {pause(.4), tally{answers: 500, p99: nan}, tally{p99: nan}, nan, reading{value: nan, limits: "400ms", why: "500 answers in a minute, it takes 200"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := p99Reading(&sample{at: begin, all: c.all, ofNew: c.ofNew, before: baseline{p99: c.before}}, c.guard)
			c.want.at, got.limit = begin, 0
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(reading{}), cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheReplicaThatIsFurthestBehind(t *testing.T) {
	node := func(name string, depth int, lo float64) replication.Node {
		return replication.Node{Name: name, Depth: depth, Lag: replication.Lag{Lo: &lo}}
	}
	for name, c := range map[string]struct {
		nodes       []replication.Node
		err         error
		over        bool
		text, where string
		why         string
	}{
		"all well":       {nodes: []replication.Node{node("ord", 0, 0), node("fra", 1, 0.2), node("syd", 2, 0.4)}, text: "0.4s", where: "syd"},
		"one far behind": {nodes: []replication.Node{node("syd", 2, 41), node("fra", 1, 0.2)}, over: true, text: "41.0s", where: "syd"},
		"not known":      {nodes: []replication.Node{{Name: "fra", Depth: 1}}, why: "no replica says how far behind it is"},
		"not read":       {err: errors.New("down"), why: "down"},
		"no replicas":    {nodes: []replication.Node{node("ord", 0, 99)}, why: "no replica says how far behind it is"},
	} {
		t.Run(name, func(t *testing.T) {
			read := lags(Options{
				Limits: config.Guards{Lag: config.Guard{Mode: config.GuardPause, Other: true}}, Critical: 5 * time.Second, Now: func() time.Time { return begin },
				Lag: func(context.Context) (*replication.Snapshot, error) {
					return &replication.Snapshot{Nodes: c.nodes}, c.err
				},
			})
			r := read(t.Context(), nil)[0]
			if r.over != c.over || r.text != c.text || r.where != c.where || r.why != c.why || r.limits != "5s" || metrics.Known(r.value) != (c.why == "") {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// lagged is Guards of a lag that a test sets.
type lagged struct {
	*Guards
	mu    sync.Mutex
	lag   float64 // NaN: an error
	reads int
	slow  time.Duration
}

func newLagged(t *testing.T, limits config.Guards) *lagged {
	l := &lagged{}
	l.Guards = New(Options{Plan: &deploy.Plan{ID: "01J"}, Limits: limits, Now: time.Now, Lag: func(ctx context.Context) (*replication.Snapshot, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.reads++
		if l.slow > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(l.slow):
			}
		}
		if math.IsNaN(l.lag) {
			return nil, errors.New("nobody answers")
		}
		lag := l.lag
		return &replication.Snapshot{Nodes: []replication.Node{{Name: "syd", Depth: 1, Lag: replication.Lag{Lo: &lag}}}}, nil
	}})
	t.Cleanup(l.Close)
	return l
}

func (l *lagged) set(lag float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag = lag
}

// ask measures for a while, as the engine does, and gives what is said last.
func (l *lagged) ask(t *testing.T, d time.Duration) deploy.Guard {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(2 * time.Second) {
		if before := time.Now(); len(l.Measure(nil)) != 1 || time.Since(before) > 0 {
			t.Error("it was waited for")
		}
	}
	synctest.Wait()
	return l.Measure(nil)[0]
}

func TestItReadsNowAndThenAndNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLagged(t, config.Guards{Lag: pause(5)})
		if g := l.Measure(nil)[0]; !g.Unknown || g.Why != "it has not been measured yet" || g.Over {
			t.Errorf("got %+v", g)
		}
		l.set(2)
		if g := l.ask(t, time.Minute); g.Unknown || g.Value != "2.0s" || g.Limit != "5s" || g.Over || g.At.IsZero() {
			t.Errorf("got %+v", g)
		}
		l.mu.Lock()
		reads := l.reads
		l.slow = time.Hour
		l.mu.Unlock()
		if reads < 4 || reads > 5 {
			t.Errorf("read %d times in a minute", reads)
		}
		// What hangs is given up, and what was read before stays for a while; then it is not known.
		if g := l.ask(t, 45*time.Second); g.Unknown || g.Value != "2.0s" {
			t.Errorf("got %+v", g)
		}
		l.set(math.NaN())
		if g := l.ask(t, 2*time.Minute); !g.Unknown || g.Why != "nobody answers" || g.Value != "" {
			t.Errorf("got %+v", g)
		}
	})
}

func TestWhatWasBadAndIsNotSeenAnyMoreIsNotWellByThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLagged(t, config.Guards{Lag: pause(5)})
		l.set(20)
		if g := l.ask(t, 20*time.Second); !g.Over || g.Where != "syd" {
			t.Errorf("got %+v", g)
		}
		l.set(math.NaN())
		if g := l.ask(t, 2*time.Minute); !g.Over || g.Unknown || g.Value != "20.0s" {
			t.Errorf("after two minutes without a reading: %+v", g)
		}
		if g := l.ask(t, 2*time.Minute); g.Over || !g.Unknown {
			t.Errorf("after four: %+v", g)
		}
		l.set(1)
		if g := l.ask(t, 20*time.Second); g.Over || g.Unknown || len(g.Recent) < 10 || !math.IsNaN(g.Recent[len(g.Recent)-3]) {
			t.Errorf("after it is seen again: %+v", g)
		}
	})
}

func TestWhatIsOnlyWatchedNeverPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLagged(t, config.Guards{Lag: config.Guard{Mode: config.GuardWatch}})
		l.set(1e6)
		if g := l.ask(t, time.Minute); g.Over || g.Limit != "" || g.Value == "" {
			t.Errorf("got %+v", g)
		}
	})
	if New(Options{Plan: &deploy.Plan{}, Limits: config.Guards{Errors: config.Guard{Mode: config.GuardOff}}, Now: time.Now}) != nil {
		t.Error("there is something to measure where all is off")
	}
}

func TestBeforeTheCommitMeasurementsHaveToBeOfTheNewRelease(t *testing.T) {
	for name, c := range map[string]struct {
		lag  func(at time.Duration) float64
		want deploy.Verdict
		says string
		took [2]time.Duration
	}{
		"calm":            {func(time.Duration) float64 { return 1 }, deploy.Pass, "lag 1.0s of 5s", [2]time.Duration{30 * time.Second, 50 * time.Second}},
		"over and calm":   {func(at time.Duration) float64 { return 20 * float64(min(max(100*time.Second-at, 0), 1)) }, deploy.Pass, "lag 0.0s of 5s", [2]time.Duration{100 * time.Second, 120 * time.Second}},
		"over to the end": {func(time.Duration) float64 { return 20 }, deploy.Fail, "lag 20.0s of 5s", [2]time.Duration{4 * time.Minute, 5 * time.Minute}},
		"not known":       {func(time.Duration) float64 { return math.NaN() }, deploy.Warn, "lag is not known: nobody answers", [2]time.Duration{30 * time.Second, 50 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLagged(t, config.Guards{Lag: pause(5)})
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
				defer cancel()
				stop := make(chan struct{})
				var looks sync.WaitGroup
				looks.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(2 * time.Second):
							l.set(c.lag(time.Since(begun)))
							l.Measure(nil)
						}
					}
				})
				v, text := l.Settled(ctx, 30*time.Second)
				took := time.Since(begun)
				close(stop)
				looks.Wait()
				if v != c.want || text != c.says || took < c.took[0] || took > c.took[1] {
					t.Errorf("%s after %s: %s", v, took, text)
				}
			})
		})
	}
}

func TestRestarts(t *testing.T) {
	plan := &deploy.Plan{ID: "01J", At: begin, Targets: []deploy.Target{{Machine: "a"}, {Machine: "ill", Prev: deploy.Snapshot{Crashes: 3}}, {Machine: "idle", AutoStop: true}}}
	isNew, isOld := deploy.Mark("01J", deploy.New), deploy.Mark("01J", deploy.Old)
	type look struct {
		after time.Duration
		m     deploy.Machine
		want  string
		where string
	}
	up := deploy.Started
	for name, looks := range map[string][]look{
		"none": {{0, deploy.Machine{ID: "a", Version: "1", State: up}, "0", ""}},
		"an old one, once": {
			{0, deploy.Machine{ID: "a", Version: "1", State: up}, "0", ""},
			{5 * time.Second, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 1}, "1", "machine a"},
			{time.Minute, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 1}, "1", "machine a"},
			{3 * time.Minute, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 1}, "0", ""},
		},
		"again and again": {
			{0, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 1}, "1", "machine a"},
			{90 * time.Second, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 2}, "1", "machine a"},
			{200 * time.Second, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 2}, "1", "machine a"},
		},
		"one that did so before":    {{0, deploy.Machine{ID: "ill", Version: "1", State: up, Crashes: 5}, "0", ""}},
		"and does with the new":     {{0, deploy.Machine{ID: "ill", Version: "2", Mark: isNew, State: up, Crashes: 1}, "1", "machine ill"}},
		"one that went back":        {{0, deploy.Machine{ID: "a", Version: "3", Mark: isOld, State: up, Crashes: 4}, "0", ""}},
		"one that was made for it":  {{0, deploy.Machine{ID: "green", Version: "1", Key: "01J:green", State: up, Crashes: 1}, "1", "machine green"}},
		"one that nobody knows":     {{0, deploy.Machine{ID: "x", Version: "1", State: up, Crashes: 1}, "0", ""}},
		"a host that is lost":       {{0, deploy.Machine{ID: "a", Version: "1", Lost: true, Crashes: 1}, "0", ""}},
		"stopped by the platform":   {{0, deploy.Machine{ID: "idle", Version: "1", State: deploy.Stopped, Crashes: 1, Exit: &deploy.Exit{}}, "0", ""}},
		"not so if it was an error": {{0, deploy.Machine{ID: "idle", Version: "1", State: deploy.Stopped, Crashes: 1, Exit: &deploy.Exit{Code: 1}}, "1", "machine idle"}},
		"restarted by request": {
			{0, deploy.Machine{ID: "a", Version: "2", Mark: isNew, State: up, Crashes: 1}, "1", "machine a"},
			{time.Minute, deploy.Machine{ID: "a", Version: "2", Mark: isNew, State: up}, "1", "machine a"},
			{150 * time.Second, deploy.Machine{ID: "a", Version: "2", Mark: isNew, State: up}, "0", ""},
		},
		"long ago, seen late": {{10 * time.Minute, deploy.Machine{ID: "a", Version: "1", State: up, Crashes: 1, Exit: &deploy.Exit{At: begin.Add(time.Minute)}}, "0", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			g := New(Options{Plan: plan, Limits: config.Guards{Restarts: pause(0)}, Now: func() time.Time { return now }})
			defer g.Close()
			for i, l := range looks {
				now = begin.Add(l.after)
				got := g.Measure([]deploy.Machine{l.m})[0]
				if got.Value != l.want || got.Where != l.where || got.Over != (l.want != "0") || got.Limit != "0" || got.Unknown {
					t.Errorf("look %d: %+v", i, got)
				}
			}
		})
	}
}

// Whatever machines do: a look's answer is known, a machine that never ended by itself never counts, and two quiet minutes end
// a pause.
func TestRestartsCalmDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := &deploy.Plan{ID: "01J", At: begin}
		n := rapid.IntRange(1, 5).Draw(t, "machines")
		fleet := make([]deploy.Machine, n)
		for i := range fleet {
			id := fmt.Sprint("m", i)
			fleet[i] = deploy.Machine{ID: id, Version: "1", State: deploy.Started}
			plan.Targets = append(plan.Targets, deploy.Target{Machine: id})
		}
		now := begin
		g := New(Options{Plan: plan, Limits: config.Guards{Restarts: pause(0)}, Now: func() time.Time { return now }})
		defer g.Close()
		crashed := map[int]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "ends") {
				i := rapid.IntRange(0, n-1).Draw(t, "which")
				fleet[i].Crashes++
				crashed[i] = true
			}
			if got := g.Measure(fleet)[0]; got.Unknown || got.Over && len(crashed) == 0 || got.Value > fmt.Sprint(len(crashed)) {
				t.Fatalf("got %+v, %d ended", got, len(crashed))
			}
		}
		now = now.Add(lately + time.Second)
		if got := g.Measure(fleet)[0]; got.Over {
			t.Fatalf("after two quiet minutes: %+v", got)
		}
	})
}

func TestTimesAndShares(t *testing.T) {
	for v, want := range map[float64]string{0: "0%", .0018: "0.18%", .01: "1%", .2: "20%", .2345: "23.4%", 1: "100%", .00001: "0.00%"} {
		if got := percent(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	if got := strings.Join([]string{inTime(.2051), inTime(1.26), inTime(.0004)}, " "); got != "205ms 1.3s 0ms" {
		t.Errorf("got %s", got)
	}
}
