package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

const appName = "changelog"

var config = json.RawMessage(`{"image":"registry.fly.io/changelog:deployment-7","guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},` +
	`"metadata":{"fly_platform_version":"v2","fly_process_group":"app","fly_release_version":"7"},` +
	`"services":[{"protocol":"tcp","internal_port":4000,"checks":[{"type":"http","path":"/health","grace_period":"1s"}]}]}`)

type world struct {
	*platform.World
	c      *fly.Client
	mu     sync.Mutex
	events []Event
}

func newWorld(t *testing.T, regions ...string) *world {
	t.Helper()
	const fast = time.Millisecond
	w := &world{World: platform.NewWorld(platform.Options{Token: "fo1_world", Delays: platform.Delays{
		Create: fast, Start: fast, Boot: fast, Stop: fast, Replace: fast, Suspend: fast, Destroy: fast, Check: fast, Job: fast,
	}})}
	t.Cleanup(func() { w.Close() })
	s := httptest.NewServer(w.Handler())
	t.Cleanup(s.Close)
	w.c = fly.New(fly.Options{MachinesURL: s.URL, GraphQLURL: s.URL, WebURL: s.URL, Token: fly.StaticToken("Bearer fo1_world"), Pace: 1000})
	t.Cleanup(w.c.Close)
	for _, region := range regions {
		m, err := w.c.Create(t.Context(), appName, region, "", fly.Launch{Config: fly.MachineConfig{Raw: config}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.c.Wait(t.Context(), appName, m.ID, fly.StateStarted, m.InstanceID, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); slices.ContainsFunc(w.list(t), func(m fly.Machine) bool { return !healthy(&m) }); {
		if time.Now().After(deadline) {
			t.Fatal("the machines do not become healthy")
		}
	}
	return w
}

func (w *world) list(t *testing.T) []fly.Machine {
	t.Helper()
	mm, err := w.c.Machines(t.Context(), appName)
	if err != nil {
		t.Fatal(err)
	}
	return mm
}

func (w *world) plan(t *testing.T, want Want) Plan {
	t.Helper()
	p, err := Make(Input{App: appName, Primary: "iad", Machines: w.list(t), Want: want, First: config})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) run(ctx context.Context, p Plan, total time.Duration) error {
	return Run(ctx, Options{
		API: w.c, ID: "01JSCALE", By: "ana@laptop", Tell: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
		Timings: Timings{Poll: 50 * time.Millisecond, Settle: 300 * time.Millisecond, Stable: 100 * time.Millisecond, Drain: 50 * time.Millisecond, Total: total, Tries: 3},
	}, p)
}

func (w *world) told(step string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Step == step {
			n++
		}
	}
	return n
}

func count(mm []fly.Machine) map[string]int {
	out := map[string]int{}
	for _, m := range mm {
		out[m.Region]++
	}
	return out
}

func TestUpFromZeroThoughTheFirstRequestIsIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.SetFault(platform.Fault{Name: "create-ignored"}); err != nil {
		t.Fatal(err)
	}
	p := w.plan(t, Want{Regions: map[string]int{"ewr": 2}})
	if err := w.run(t.Context(), p, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := count(w.list(t)); !cmp.Equal(got, map[string]int{"ewr": 2}) {
		t.Errorf("got %v", got)
	}
	if w.told("missing") != 1 || w.told("done") != 1 {
		t.Errorf("told %+v", w.events)
	}
	// And down again, which is the other half of a QA environment.
	p = w.plan(t, Want{Regions: map[string]int{"ewr": 0}, Empty: true})
	if err := w.run(t.Context(), p, time.Minute); err != nil {
		t.Fatal(err)
	}
	if mm := w.list(t); len(mm) != 0 {
		t.Errorf("%d are left", len(mm))
	}
	order := []string{}
	for _, e := range w.events {
		if e.Machine == p.Changes[0].Remove[0] && slices.Contains([]string{"mark", "cordon", "stop", "destroy"}, e.Step) {
			order = append(order, e.Step)
		}
	}
	if d := cmp.Diff([]string{"mark", "cordon", "stop", "destroy"}, order); d != "" {
		t.Error(d)
	}
}

func TestAPlatformThatAlwaysSaysYesIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.SetFault(platform.Fault{Name: "create-ignored", Args: []string{"0"}}); err != nil {
		t.Fatal(err)
	}
	err := w.run(t.Context(), w.plan(t, Want{Regions: map[string]int{"ewr": 1}}), time.Minute)
	if !errors.Is(err, ErrNot) || !strings.Contains(err.Error(), "the platform says yes and does nothing") {
		t.Errorf("got %v", err)
	}
}

func TestAMachineWhoseMakingIsInDoubtIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "iad")
	if err := w.SetFault(platform.Fault{Name: "408-after-create"}); err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), w.plan(t, Want{Regions: map[string]int{"ewr": 1}}), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := count(w.list(t)); !cmp.Equal(got, map[string]int{"ewr": 1, "iad": 1}) {
		t.Errorf("got %v", got)
	}
}

func TestWhatWasCutOffGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "iad", "ewr", "ewr", "ewr")
	want := Want{Regions: map[string]int{"ewr": 1}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := Options{
		API: w.c, ID: "01JFIRST", By: "ana@laptop", Timings: Timings{Poll: 20 * time.Millisecond, Drain: time.Hour},
		Tell: func(e Event) {
			if e.Step == "cordon" {
				cancel()
			}
		},
	}
	if err := Run(ctx, o, w.plan(t, want)); !errors.Is(err, ErrNot) || !strings.Contains(err.Error(), "interrupted") {
		t.Fatalf("got %v", err)
	}
	var marked []string
	for _, m := range w.list(t) {
		if m.Config.Metadata[KeyRemove] != "" {
			marked = append(marked, m.ID)
		}
	}
	p := w.plan(t, want)
	for _, id := range marked {
		if !slices.Contains(p.Changes[0].Remove, id) {
			t.Errorf("%s was on its way out, and %v go now", id, p.Changes[0].Remove)
		}
	}
	if err := w.run(t.Context(), p, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := count(w.list(t)); !cmp.Equal(got, map[string]int{"ewr": 1, "iad": 1}) {
		t.Errorf("got %v", got)
	}
}

func TestAStoppedMachineIsStartedRatherThanCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ewr", "ewr")
	if err := w.c.Stop(t.Context(), fly.Ref{App: appName, ID: w.list(t)[0].ID}, "", 0); err != nil {
		t.Fatal(err)
	}
	for w.list(t)[0].State != fly.StateStopped {
		continue
	}
	p := w.plan(t, Want{Regions: map[string]int{"ewr": 2}})
	if len(p.Changes[0].Start) != 1 || p.Changes[0].Create != 0 || p.Nothing() {
		t.Fatalf("got %+v", p.Changes)
	}
	if err := w.run(t.Context(), p, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.list(t) {
		if m.State != fly.StateStarted {
			t.Errorf("%s is %s", m.ID, m.State)
		}
	}
}

func TestWhatIsNotPlanned(t *testing.T) {
	machine := func(id, region, state string, more string) fly.Machine {
		m := fly.Machine{ID: id, Region: region, State: state, HostStatus: fly.HostOK, Config: &fly.MachineConfig{}}
		raw := strings.Replace(string(config), `"guest"`, more+`"guest"`, 1)
		if err := json.Unmarshal([]byte(raw), m.Config); err != nil {
			t.Fatal(err)
		}
		return m
	}
	one := []fly.Machine{machine("a", "iad", fly.StateStarted, "")}
	for name, c := range map[string]struct {
		mm    []fly.Machine
		want  Want
		first json.RawMessage
		says  string
	}{
		"the last one":         {one, Want{Regions: map[string]int{"iad": 0}}, config, "the primary region iad: it would lose its last machine"},
		"with a volume":        {[]fly.Machine{machine("a", "iad", fly.StateStarted, `"mounts":[{"volume":"vol_1","path":"/data"}],`)}, Want{Regions: map[string]int{"iad": 2}}, config, "volume each"},
		"nothing to copy":      {nil, Want{Regions: map[string]int{"ewr": 1}}, nil, "no machine to copy"},
		"only sick ones":       {[]fly.Machine{machine("a", "iad", fly.StateFailed, "")}, Want{Regions: map[string]int{"iad": 2}}, config, "no machine of app is healthy"},
		"of another group":     {one, Want{Group: "worker", Regions: map[string]int{"iad": 1}}, nil, "the group worker has no machine"},
		"copy of broken words": {nil, Want{Regions: map[string]int{"ewr": 1}}, json.RawMessage("{"), "configuration for new machines"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Make(Input{App: appName, Primary: "iad", Machines: c.mm, Want: c.want, First: c.first})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestWhoGoesFirst(t *testing.T) {
	at := time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
	machine := func(id string, release int, sick, marked bool, age int) fly.Machine {
		m := fly.Machine{ID: id, Region: "iad", State: fly.StateStarted, CreatedAt: at.Add(-time.Duration(age) * time.Hour), Config: &fly.MachineConfig{Metadata: map[string]string{
			"fly_process_group": "app", "fly_release_version": fmt.Sprint(release),
		}}}
		if sick {
			m.Checks = []fly.CheckStatus{{Status: fly.CheckCritical}}
		}
		if marked {
			m.Config.Metadata[KeyRemove] = "01J"
		}
		return m
	}
	mm := []fly.Machine{machine("old", 7, false, false, 9), machine("new", 7, false, false, 1), machine("before", 6, false, false, 9), machine("sick", 7, true, false, 9), machine("marked", 7, false, true, 9)}
	p, err := Make(Input{App: appName, Machines: mm, Want: Want{Regions: map[string]int{"iad": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"marked", "sick", "before", "new"}, p.Changes[0].Remove); d != "" {
		t.Error(d)
	}
}

func TestRegionsAsTheyAreTyped(t *testing.T) {
	got, err := ParseRegions([]string{"ewr=2", "ord=1,syd=0"})
	if err != nil || !cmp.Equal(got, map[string]int{"ewr": 2, "ord": 1, "syd": 0}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "ewr", "ewr=", "ewr=-1", "ewr=x", "EWR=1", "ewr=1,ewr=2", "e=1"} {
		if _, err := ParseRegions([]string{bad}); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}
