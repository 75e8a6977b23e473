package flyplatform

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

const appName = "changelog"

// newPlatform is a simulated platform with one machine of the app on it.
func newPlatform(t *testing.T, o platform.Options, mine Options) (*Platform, *platform.World, fly.Machine) {
	t.Helper()
	const fast = time.Millisecond
	o.Token = "fo1_world"
	o.Delays = platform.Delays{Create: fast, Start: fast, Boot: fast, Stop: fast, Replace: fast, Suspend: fast, Destroy: fast, Check: fast, Job: fast}
	w := platform.NewWorld(o)
	t.Cleanup(func() { w.Close() })
	s := httptest.NewServer(w.Handler())
	t.Cleanup(s.Close)
	c := fly.New(fly.Options{MachinesURL: s.URL, GraphQLURL: s.URL, WebURL: s.URL, Token: fly.StaticToken("Bearer fo1_world"), Pace: 1000})
	t.Cleanup(c.Close)
	m, err := c.Create(t.Context(), appName, "iad", "", fly.Launch{Config: fly.MachineConfig{Raw: configuration("1")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(t.Context(), appName, m.ID, fly.StateStarted, m.InstanceID, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	mine.API = c
	return New(mine), w, m
}

func configuration(release string) json.RawMessage {
	return json.RawMessage(`{"image":"registry.fly.io/changelog:deployment-` + release + `","guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},` +
		`"metadata":{"fly_platform_version":"v2","fly_process_group":"app","fly_release_version":"` + release + `"},"something_new":{"a":[1]}}`)
}

func look(t *testing.T, p *Platform, w deploy.Want) deploy.Reading {
	t.Helper()
	w.App = appName
	r, err := p.Observe(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func do(t *testing.T, p *Platform, in deploy.Intent) deploy.Answer {
	t.Helper()
	in.App = appName
	a, err := p.Do(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", in.Verb, err)
	}
	return a
}

// eventually looks until it is as wanted.
func eventually(t *testing.T, p *Platform, w deploy.Want, want string, ok func(deploy.Reading) bool) deploy.Reading {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		r := look(t, p, w)
		if ok(r) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %+v", want, r)
		}
	}
}

func TestAMachineIsUpdatedUnderALease(t *testing.T) {
	t.Parallel()
	p, _, m := newPlatform(t, platform.Options{}, Options{})
	r := look(t, p, deploy.Want{})
	if len(r.Machines) != 1 || r.Count != 1 || r.Machines[0].Version != m.InstanceID || r.Machines[0].State != deploy.Started || r.Machines[0].Release != 1 {
		t.Fatalf("got %+v", r)
	}
	before := r.Machines[0]
	who := deploy.Lessee{Deploy: "01J", Session: 1, Holder: "ana@laptop"}.String()
	lease := do(t, p, deploy.Intent{Verb: deploy.VerbLease, Machine: m.ID, TTL: time.Minute, Description: who})
	if lease.Nonce == "" || time.Until(lease.Expires) <= 0 || time.Until(lease.Expires) > time.Minute {
		t.Errorf("got %+v", lease)
	}
	if got := look(t, p, deploy.Want{}).Machines[0].Lease; got == nil || got.Description != who {
		t.Errorf("the lease is seen as %+v", got)
	}
	if _, err := p.Do(t.Context(), deploy.Intent{Verb: deploy.VerbStop, App: appName, Machine: m.ID}); !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("without the nonce: %v", err)
	}
	do(t, p, deploy.Intent{Verb: deploy.VerbRenew, Machine: m.ID, Nonce: lease.Nonce, TTL: time.Minute})
	update := deploy.Intent{
		Verb: deploy.VerbUpdate, Machine: m.ID, Nonce: lease.Nonce, Version: "01OTHER", Config: configuration("2"),
		Tags: map[string]string{deploy.TagMark: deploy.Mark("01J", deploy.New)},
	}
	update.App = appName
	if _, err := p.Do(t.Context(), update); !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("of another version: %v", err)
	}
	update.Version = before.Version
	a := do(t, p, update)
	r = eventually(t, p, deploy.Want{Watch: []deploy.Watched{{Machine: m.ID, Version: a.Version}}, Patience: 5 * time.Second}, "updated", func(r deploy.Reading) bool {
		return r.Machines[0].State == deploy.Started
	})
	got := r.Machines[0]
	if got.Version != a.Version || got.Version == before.Version || got.Digest == before.Digest || got.Release != 2 || got.Mark != "01J:new" || got.Crashes != 0 {
		t.Errorf("got %+v", got)
	}
	mm, err := p.o.API.MachinesWhere(t.Context(), appName, fly.Where{})
	if err != nil || !strings.Contains(string(mm[0].Config.Raw), `"something_new":{"a":[1]}`) {
		t.Errorf("what this program does not know of was not sent back: %v", err)
	}
	do(t, p, deploy.Intent{Verb: deploy.VerbRelease, Machine: m.ID, Nonce: lease.Nonce})
	do(t, p, deploy.Intent{Verb: deploy.VerbRelease, Machine: m.ID, Nonce: lease.Nonce}) // one that is gone is no error
	if l := look(t, p, deploy.Want{}).Machines[0].Lease; l != nil {
		t.Errorf("still leased: %+v", l)
	}
}

func TestTheReleaseCommandRunsOnceAndItsEndIsSeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ code int }{"well": {0}, "failing": {7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ran := 0
			p, _, _ := newPlatform(t, platform.Options{Job: func(platform.Instance, []string) (time.Duration, int) {
				ran++
				return time.Millisecond, c.code
			}}, Options{})
			w := deploy.Want{RunKey: "01J:migrate"}
			a := do(t, p, deploy.Intent{
				Verb: deploy.VerbPrepare, Region: "iad", Key: w.RunKey, Config: configuration("2"), Tags: map[string]string{deploy.TagKey: w.RunKey},
			})
			r := eventually(t, p, w, "created", func(r deploy.Reading) bool { return len(r.Runs) == 1 && r.Runs[0].State == deploy.RunCreated })
			if r.Runs[0].Machine != a.Machine || r.Runs[0].Key != w.RunKey || len(r.Machines) != 1 || r.Count != 1 {
				t.Errorf("got %+v", r)
			}
			do(t, p, deploy.Intent{Verb: deploy.VerbStartRun, Machine: a.Machine})
			r = eventually(t, p, w, "ended", func(r deploy.Reading) bool { return len(r.Runs) == 1 && r.Runs[0].State == deploy.RunExited })
			if r.Runs[0].Code != c.code || len(r.Machines) != 1 {
				t.Errorf("got %+v", r)
			}
			// Once it is gone, its end is still known.
			deadline := time.Now().Add(10 * time.Second)
			for {
				mm, err := p.o.API.MachinesWhere(t.Context(), appName, fly.Where{})
				if err != nil {
					t.Fatal(err)
				}
				if len(mm) == 1 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the machine stays")
				}
			}
			if r := look(t, p, w); len(r.Runs) != 1 || r.Runs[0].Code != c.code || r.Runs[0].State != deploy.RunExited || r.Count != 1 {
				t.Errorf("afterwards: %+v", r)
			}
			if _, err := p.Do(t.Context(), deploy.Intent{Verb: deploy.VerbStartRun, App: appName, Machine: a.Machine}); err == nil || ran != 1 {
				t.Errorf("a second start: %v, ran %d times", err, ran)
			}
		})
	}
}

func TestMachinesComeAndGo(t *testing.T) {
	t.Parallel()
	p, _, m := newPlatform(t, platform.Options{}, Options{})
	a := do(t, p, deploy.Intent{
		Verb: deploy.VerbCreate, Region: "ord", Config: configuration("2"), Cordoned: true, Tags: map[string]string{deploy.TagKey: "01J:green:" + m.ID},
	})
	r := eventually(t, p, deploy.Want{}, "two", func(r deploy.Reading) bool {
		return len(r.Machines) == 2 && r.Machines[1].State == deploy.Started
	})
	if got := r.Machines[1]; !got.Cordoned || got.Key != "01J:green:"+m.ID || got.Region != "ord" || got.Lease != nil || a.Nonce != "" || r.Count != 2 {
		t.Errorf("got %+v with %+v", got, a)
	}
	lease := do(t, p, deploy.Intent{Verb: deploy.VerbLease, Machine: a.Machine, TTL: time.Minute, Description: "01J"})
	in := deploy.Intent{Machine: a.Machine, Nonce: lease.Nonce}
	for _, v := range []deploy.Verb{deploy.VerbUncordon, deploy.VerbCordon, deploy.VerbRestart, deploy.VerbDestroy} {
		in.Verb = v
		do(t, p, in)
	}
	eventually(t, p, deploy.Want{}, "one again", func(r deploy.Reading) bool { return len(r.Machines) == 1 })
	in.Verb = deploy.VerbStart
	in.App = appName
	if _, err := p.Do(t.Context(), in); !errors.Is(err, deploy.ErrGone) && !errors.Is(err, deploy.ErrConflict) {
		t.Errorf("starting what is gone: %v", err)
	}
}

func TestReleasesAreRecorded(t *testing.T) {
	t.Parallel()
	p, _, _ := newPlatform(t, platform.Options{}, Options{Definition: json.RawMessage(`{"app":"changelog"}`)})
	a := do(t, p, deploy.Intent{Verb: deploy.VerbOpen, Image: "registry.fly.io/changelog:deployment-2", Strategy: deploy.StrategyRolling})
	if a.Record == nil || a.Record.Status != "running" || a.Record.Version == 0 {
		t.Fatalf("got %+v", a.Record)
	}
	status := func() string {
		rr, err := p.o.API.WebReleases(t.Context(), appName, 1)
		if err != nil || len(rr) != 1 || rr[0].ID != a.Record.ID || rr[0].Version != a.Record.Version {
			t.Fatalf("got %+v, %v", rr, err)
		}
		return rr[0].Status
	}
	if got := status(); got != "running" {
		t.Errorf("it is %q", got)
	}
	again := do(t, p, deploy.Intent{Verb: deploy.VerbOpen, Image: "registry.fly.io/changelog:deployment-2", Strategy: deploy.StrategyRolling})
	if d := cmp.Diff(a.Record, again.Record); d != "" {
		t.Errorf("one whose answer was lost is recorded twice: %s", d)
	}
	do(t, p, deploy.Intent{Verb: deploy.VerbClose, Record: a.Record, Status: "failed", Text: "machine 1 is unhealthy"})
	if got := status(); got != "failed" {
		t.Errorf("closed: %q", got)
	}
	other := do(t, p, deploy.Intent{Verb: deploy.VerbOpen, Image: "registry.fly.io/changelog:deployment-2", Strategy: deploy.StrategyRolling})
	if other.Record.ID == a.Record.ID {
		t.Error("one that is closed was opened again")
	}
}

func TestGates(t *testing.T) {
	p := New(Options{Gates: map[string]Gate{"backup": func(context.Context) (deploy.Verdict, string) { return deploy.Fail, "\x1b[2Jnone" }}})
	for name, want := range map[string]deploy.Answer{
		"backup": {Verdict: deploy.Fail, Text: "none"},
		"other":  {Verdict: deploy.Unknown, Text: "this program does not know the gate other"},
	} {
		got, err := p.Do(t.Context(), deploy.Intent{Verb: deploy.VerbGate, Gate: name})
		if err != nil || got.Verdict != want.Verdict || !strings.Contains(got.Text, want.Text) || strings.ContainsRune(got.Text, 0x1b) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWhatAnErrorSaysOfTheDeed(t *testing.T) {
	lost := &fly.AmbiguousError{Op: "update", Err: fly.ErrUnavailable}
	for name, c := range map[string]struct {
		verb deploy.Verb
		err  error
		want error // nil: nobody knows
	}{
		"lost":            {deploy.VerbUpdate, lost, nil},
		"deadline":        {deploy.VerbUpdate, context.DeadlineExceeded, nil},
		"busy":            {deploy.VerbUpdate, fly.ErrRateLimited, deploy.ErrBusy},
		"conflict":        {deploy.VerbUpdate, fly.ErrConflict, deploy.ErrConflict},
		"other version":   {deploy.VerbClaim, fly.ErrPrecondition, deploy.ErrConflict},
		"wrong state":     {deploy.VerbRestart, fly.ErrPrecondition, deploy.ErrConflict},
		"it has begun":    {deploy.VerbStartRun, fly.ErrPrecondition, nil},
		"invalid":         {deploy.VerbCreate, fly.ErrInvalid, deploy.ErrRefused},
		"not logged in":   {deploy.VerbCreate, fly.ErrNoToken, deploy.ErrRefused},
		"gone":            {deploy.VerbDestroy, fly.ErrNotFound, deploy.ErrGone},
		"something else":  {deploy.VerbDestroy, errors.New("?"), nil},
		"never connected": {deploy.VerbUpdate, fly.ErrUnavailable, deploy.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			got := verdictOf(c.verb, c.err)
			if !errors.Is(got, c.err) {
				t.Errorf("%v does not say what happened", got)
			}
			for _, sure := range []error{deploy.ErrBusy, deploy.ErrConflict, deploy.ErrGone, deploy.ErrRefused} {
				if errors.Is(got, sure) != errors.Is(c.want, sure) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
		})
	}
	if _, err := New(Options{}).Do(t.Context(), deploy.Intent{Verb: "explode"}); !errors.Is(err, deploy.ErrRefused) {
		t.Errorf("an unknown verb: %v", err)
	}
}

func TestExitsCountFromTheLatestRequest(t *testing.T) {
	exit := func(code int, requested bool) fly.Event {
		return fly.Event{Type: "exit", Source: "flyd", Request: &fly.EventRequest{ExitEvent: &fly.ExitEvent{ExitCode: code, RequestedStop: requested, GuestSignal: -1}}}
	}
	asked := func(kind string) fly.Event { return fly.Event{Type: kind, Source: "user"} }
	own := func(kind string) fly.Event { return fly.Event{Type: kind, Source: "flyd"} }
	for name, c := range map[string]struct {
		events []fly.Event // newest first
		want   int
		code   int
	}{
		"none":             {nil, 0, 0},
		"twice":            {[]fly.Event{own("start"), exit(3, false), own("restart"), exit(1, false), own("start"), asked("update"), exit(9, false)}, 2, 3},
		"a stop asked for": {[]fly.Event{exit(0, true), asked("stop"), own("start"), asked("launch")}, 0, 0},
		"a clean exit":     {[]fly.Event{exit(0, false), own("start"), asked("start")}, 1, 0},
		"before a restart": {[]fly.Event{own("start"), exit(0, true), asked("restart"), exit(1, false), asked("update")}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n, x := exits(c.events)
			if n != c.want || (x != nil) != (n > 0) || x != nil && (x.Code != c.code || x.Signal != 0) {
				t.Errorf("got %d, %+v", n, x)
			}
		})
	}
}

func TestConfigurationsThatAreNoneAreRefused(t *testing.T) {
	for _, raw := range []string{"", "null", "[]", "{}", `{"metadata":1}`} {
		if _, err := merged(json.RawMessage(raw), nil, nil); !errors.Is(err, deploy.ErrRefused) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}
