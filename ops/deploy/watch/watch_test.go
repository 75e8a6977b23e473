package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ops-console/ops/audit"
	"ops-console/ops/deploy"
	"ops-console/ops/preflight"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	oldDigest = "sha256:old"
	newDigest = "sha256:new"
)

// fake is a platform with machines that are well at once, unless they run what is bad.
type fake struct {
	mu       sync.Mutex // guards what follows
	machines []deploy.Machine
	updates  int
	bad      bool          // the new release crashes
	hold     chan struct{} // updates of the second machine wait for it; nil: they do not
	held     chan struct{} // closed when one waits
}

func newFake(n int) *fake {
	f := &fake{held: make(chan struct{})}
	for i := range n {
		f.machines = append(f.machines, deploy.Machine{
			ID: fmt.Sprintf("m%d", i), Region: "fra", Group: "app", Version: "v0", Image: "app:old", Digest: oldDigest, Release: 1, State: deploy.Started,
		})
	}
	return f
}

func (f *fake) Observe(context.Context, deploy.Want) (deploy.Reading, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return deploy.Reading{Machines: slices.Clone(f.machines), Count: len(f.machines), Record: &deploy.ReleaseRecord{ID: "r2", Version: 2, Status: "running"}}, nil
}

func (f *fake) Do(ctx context.Context, in deploy.Intent) (deploy.Answer, error) {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if in.Verb == deploy.VerbUpdate && in.Machine == "m1" && in.Side == deploy.New && hold != nil {
		close(f.held)
		select {
		case <-hold:
		case <-ctx.Done():
			return deploy.Answer{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.machines, func(m deploy.Machine) bool { return m.ID == in.Machine })
	switch in.Verb {
	case deploy.VerbLease, deploy.VerbRenew:
		expires := time.Now().Add(in.TTL)
		f.machines[i].Lease = &deploy.Held{Owner: "us", Description: in.Description, Expires: expires}
		return deploy.Answer{Nonce: "nonce-" + in.Machine, Expires: expires}, nil
	case deploy.VerbRelease:
		f.machines[i].Lease = nil
	case deploy.VerbClaim:
		f.machines[i].Head = in.Tags[deploy.TagHead]
		if in.Plan != nil {
			f.machines[i].Copy, _ = in.Plan.Pack()
		}
	case deploy.VerbOpen:
		return deploy.Answer{Record: &deploy.ReleaseRecord{ID: "r2", Version: 2, Status: "running"}}, nil
	case deploy.VerbUpdate, deploy.VerbRestart:
		m := &f.machines[i]
		if in.Verb == deploy.VerbUpdate {
			f.updates++
			m.Version, m.Mark, m.Digest, m.Crashes = fmt.Sprintf("v%d", f.updates), in.Tags[deploy.TagMark], oldDigest, 0
			m.Head = in.Tags[deploy.TagHead]
			if in.Side == deploy.New {
				m.Digest = newDigest
			}
		}
		if f.bad && m.Digest == newDigest {
			m.Crashes, m.Exit = 3, &deploy.Exit{At: time.Now(), Code: 1}
		}
		return deploy.Answer{Version: m.Version}, nil
	}
	return deploy.Answer{}, nil
}

// plan is one for the fake's machines.
func (f *fake) plan(id string) *deploy.Plan {
	p := &deploy.Plan{
		ID: id, App: "app", Kind: deploy.KindDeploy, By: "ana@laptop", At: time.Now(),
		Artifact: deploy.Artifact{Image: "app:new", Digest: newDigest}, From: deploy.Artifact{Image: "app:old", Digest: oldDigest, Release: 1},
		Strategy: deploy.StrategyRolling, Groups: []deploy.Group{{Name: "app", MaxUnavailable: 1}}, Old: deploy.Eligibility{Able: deploy.Able},
		Timings: deploy.Timings{
			Poll: 5 * time.Millisecond, Settle: 10 * time.Millisecond, Call: 5 * time.Second, LeaseTTL: 5 * time.Second, LeaseWait: 5 * time.Second,
			Grace: time.Millisecond, Stable: 5 * time.Millisecond, Good: 1, Bad: 1, Health: 10 * time.Second, Drain: time.Millisecond, Tries: 2, Total: time.Minute, Parallel: 4,
		},
	}
	for _, m := range f.machines {
		p.Targets = append(p.Targets, deploy.Target{
			Machine: m.ID, Region: m.Region, Group: m.Group, Config: json.RawMessage(`{"image":"app:new"}`),
			Prev: deploy.Snapshot{Version: m.Version, Image: m.Image, Digest: m.Digest, Release: 1, Config: json.RawMessage(`{"image":"app:old"}`), State: deploy.Started, Healthy: true},
		})
	}
	return p
}

// world is a watcher over a fake, with a record.
type world struct {
	*Watcher
	t   *testing.T
	f   *fake
	dir string
	log string
}

func (f *fake) watch(t *testing.T, dir string) *world {
	t.Helper()
	x := &world{t: t, f: f, dir: dir, log: filepath.Join(dir, "audit", "app.jsonl")}
	log := audit.New(x.log, nil)
	n := 0
	x.Watcher = Watch(t.Context(), Options{
		Dir: filepath.Join(dir, "deploys"), Audit: x.log, Holder: "ana@laptop", Local: 10 * time.Millisecond,
		Fleet: func(context.Context) (Fleet, error) { return Fleet{Releases: []Release{{Version: 1}}}, nil },
		Plan: func(_ context.Context, image string, release int) (*Planned, error) {
			if image == "app:missing" {
				return nil, errors.New("the registry does not have it")
			}
			n++
			p := f.plan(fmt.Sprintf("01D%04d%d", len(dir), n))
			if image == "" {
				p.Kind, p.Artifact.Release = deploy.KindRollback, release
			}
			return &Planned{Plan: p}, nil
		},
		Platform: func(context.Context, *deploy.Plan, json.RawMessage, func(string)) (deploy.Platform, error) {
			return f, nil
		},
		Check: func(_ context.Context, image string) (*Checked, error) {
			return &Checked{Report: &preflight.Report{Image: image}}, nil
		},
		Record: func(ctx context.Context, action, target, command string, act func(context.Context) (string, error)) error {
			return log.Do(ctx, audit.Entry{Run: fmt.Sprint(action, time.Now().UnixNano()), Action: action, Target: target, Command: command}, act)
		},
	})
	t.Cleanup(x.Close)
	return x
}

// until waits for a snapshot that is as wanted.
func (x *world) until(want string, ok func(*Snapshot) bool) *Snapshot {
	x.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := x.Changed()
		if s := x.Latest().Value; s != nil && ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			b, _ := json.Marshal(x.Latest().Value)
			x.t.Fatalf("never %s: %.3000s", want, b)
		}
	}
}

// begun has a deployment planned and started.
func (x *world) begun() string {
	x.t.Helper()
	if err := x.PlanDeploy("app:new"); err != nil {
		x.t.Fatal(err)
	}
	s := x.until("planned", func(s *Snapshot) bool { return s.Planned != nil })
	if err := x.Start(s.Planned.Plan.ID); err != nil {
		x.t.Fatal(err)
	}
	return s.Planned.Plan.ID
}

func first(s *Snapshot) *Deployment {
	if len(s.Deployments) == 0 {
		return &Deployment{}
	}
	return &s.Deployments[0]
}

func over(o deploy.Outcome) func(*Snapshot) bool {
	return func(s *Snapshot) bool { d := first(s); return d.Progress.Outcome == o && !d.Runs() }
}

// outcomes are the acts of the record, oldest first.
func (x *world) outcomes() []string {
	x.t.Helper()
	r, err := audit.Read(x.log)
	if err != nil || len(r.Flaws) > 0 {
		x.t.Fatal(err, r.Flaws)
	}
	var out []string
	for _, a := range r.Acts() {
		out = append(out, a.Action+" "+string(a.Outcome))
	}
	slices.Reverse(out)
	return out
}

func TestADeploymentIsPlannedStartedAndFollowed(t *testing.T) {
	x := newFake(3).watch(t, t.TempDir())
	x.begun()
	s := x.until("deployed", over(deploy.Deployed))
	d := first(s)
	if d.Progress.Done != 3 || len(d.Progress.Machines) != 3 || d.Err != nil || len(d.Events) == 0 || s.Planned != nil {
		t.Errorf("got %+v", d)
	}
	if got := d.Events[len(d.Events)-1]; d.Events[0].Seq > 1 || !slices.ContainsFunc(d.Events, func(e deploy.Event) bool { return e.Kind == deploy.EventEnded }) {
		t.Errorf("events go from %+v to %+v", d.Events[0], got)
	}
	s = x.until("recorded and said", func(s *Snapshot) bool { return len(s.Acts) == 1 && s.Acts[0].Outcome == audit.Done && s.Told.N > 0 })
	if s.Told.Err != nil || !strings.Contains(s.Told.Text, "deploy of app:new is done") || s.Acts[0].Command != "ops-console deploy --image app:new" {
		t.Errorf("got %+v, %+v", s.Told, s.Acts[0])
	}
	for _, m := range x.f.machines {
		if m.Digest != newDigest || m.Lease != nil {
			t.Errorf("machine %+v", m)
		}
	}
}

func TestABadReleaseGoesBackAndSaysSo(t *testing.T) {
	f := newFake(2)
	f.bad = true
	x := f.watch(t, t.TempDir())
	x.begun()
	x.until("rolled back", over(deploy.RolledBack))
	s := x.until("said", func(s *Snapshot) bool { return s.Told.Err != nil })
	if !strings.Contains(s.Told.Err.Error(), "went back: ") {
		t.Errorf("said %v", s.Told.Err)
	}
	if got := x.outcomes(); !slices.Equal(got, []string{"deploy failed"}) {
		t.Errorf("recorded %v", got)
	}
}

func TestWhatThisConsoleLetsGoOfIsOfferedAndResumed(t *testing.T) {
	dir, f := t.TempDir(), newFake(3)
	f.hold = make(chan struct{})
	x := f.watch(t, dir)
	id := x.begun()
	<-f.held
	x.until("under way", func(s *Snapshot) bool { return first(s).Here && first(s).Progress.Phase == deploy.Rolling })
	if err := x.PlanDeploy("app:new"); err != nil {
		t.Fatal(err)
	}
	x.until("refused", func(s *Snapshot) bool { return s.Job != nil && !s.Job.Runs() && s.Job.Err != nil })
	// The call under way is let go on: who closes the console waits for it.
	closed := make(chan struct{})
	go func() { x.Close(); close(closed) }()
	f.mu.Lock()
	close(f.hold)
	f.hold = nil
	f.mu.Unlock()
	<-closed
	if got := x.outcomes(); !slices.Equal(got, []string{"deploy detached"}) {
		t.Errorf("recorded %v", got)
	}
	if err := x.Start(id); err == nil {
		t.Error("something started after the end")
	}

	y := f.watch(t, dir)
	s := y.until("offered", func(s *Snapshot) bool { return first(s).Waits() })
	if d := first(s); d.ID != id || d.Plan == nil || d.Progress.Outcome != "" || d.Holder != "ana@laptop" || len(d.Events) == 0 {
		t.Errorf("got %+v", d)
	}
	if err := y.Choose(id, deploy.Ran); err == nil {
		t.Error("it took a choice that it does not have")
	}
	if err := y.Choose(id, deploy.Resume); err != nil {
		t.Fatal(err)
	}
	s = y.until("deployed", over(deploy.Deployed))
	if d := first(s); !slices.ContainsFunc(d.Events, func(e deploy.Event) bool { return strings.Contains(e.Text, "taken up again") }) {
		t.Error("the log does not tell of both halves")
	}
	if len(s.Deployments) != 1 {
		t.Errorf("it is shown %d times", len(s.Deployments))
	}
}

func TestWhatIsAskedWhileItRunsIsDone(t *testing.T) {
	f := newFake(3)
	f.hold = make(chan struct{})
	x := f.watch(t, t.TempDir())
	id := x.begun()
	<-f.held
	x.until("under way", func(s *Snapshot) bool {
		return slices.Contains(first(s).Progress.Choices, deploy.Abort) && first(s).Here
	})
	if err := x.Choose("another", deploy.Abort); err == nil {
		t.Error("another deployment was asked")
	}
	if err := x.Choose(id, deploy.Abort); err != nil {
		t.Fatal(err)
	}
	x.until("heard", func(s *Snapshot) bool {
		return slices.ContainsFunc(first(s).Events, func(e deploy.Event) bool { return strings.Contains(e.Text, "ana@laptop") && e.Seq > 2 })
	})
	close(f.hold)
	x.until("rolled back", over(deploy.RolledBack))
	x.until("recorded", func(*Snapshot) bool { return len(x.outcomes()) == 2 && x.outcomes()[0] == "deploy failed" })
	if got := x.outcomes(); !slices.Equal(got, []string{"deploy failed", "deploy abort done"}) {
		t.Errorf("recorded %v", got)
	}
}

func TestAPlanThatIsOldOrGoneIsNotStarted(t *testing.T) {
	x := newFake(1).watch(t, t.TempDir())
	if err := x.Start("01D"); err == nil {
		t.Error("nothing was planned")
	}
	if err := x.PlanRollback(7); err != nil {
		t.Fatal(err)
	}
	s := x.until("planned", func(s *Snapshot) bool { return s.Planned != nil })
	if p := s.Planned.Plan; p.Kind != deploy.KindRollback || p.Artifact.Release != 7 {
		t.Errorf("planned %+v", p)
	}
	x.mu.Lock()
	x.planned.At = time.Now().Add(-time.Hour)
	x.mu.Unlock()
	if err := x.Start(s.Planned.Plan.ID); err == nil || !strings.Contains(err.Error(), "plan again") {
		t.Errorf("said %v", err)
	}
	x.Forget()
	x.until("forgotten", func(s *Snapshot) bool { return s.Planned == nil })
	if len(x.outcomes()) > 0 {
		t.Errorf("recorded %v", x.outcomes())
	}
}

func TestLooksFailAndAreTold(t *testing.T) {
	x := newFake(1).watch(t, t.TempDir())
	if err := x.PlanDeploy("app:missing"); err != nil {
		t.Fatal(err)
	}
	s := x.until("failed", func(s *Snapshot) bool { return s.Job != nil && !s.Job.Runs() })
	if s.Job.Err == nil || s.Planned != nil || s.Job.Kind != JobPlan {
		t.Errorf("got %+v", s.Job)
	}
	if err := x.Check("app:new"); err != nil {
		t.Fatal(err)
	}
	s = x.until("checked", func(s *Snapshot) bool { return s.Checked != nil })
	if diff := cmp.Diff("app:new", s.Checked.Report.Image); diff != "" {
		t.Error(diff)
	}
}

func TestAJournalThatIsDamagedIsShownAndSetAside(t *testing.T) {
	dir := t.TempDir()
	x := newFake(1).watch(t, dir)
	path := deploy.Path(filepath.Join(dir, "deploys"), "01DAMAGED")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("this is no journal\nnor is this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.until("shown", func(s *Snapshot) bool { return first(s).Err != nil && first(s).ID == "01DAMAGED" && first(s).Waits() })
	if err := x.SetAside("01DAMAGED"); err != nil {
		t.Fatal(err)
	}
	x.until("gone", func(s *Snapshot) bool { return len(s.Deployments) == 0 && s.Told.Text != "" })
	if _, err := os.Stat(path + ".removed"); err != nil {
		t.Error(err)
	}
}

func TestADeploymentOfAnotherProcessIsSeenToRun(t *testing.T) {
	dir, f := t.TempDir(), newFake(1)
	d, err := deploy.Start(filepath.Join(dir, "deploys"), f.plan("01OTHER"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	x := f.watch(t, dir)
	x.until("seen", func(s *Snapshot) bool { return first(s).InUse && first(s).Runs() && !first(s).Waits() })
	if err := x.Choose("01OTHER", deploy.Resume); err != nil {
		t.Fatal(err) // who has it is found out when it is opened
	}
	s := x.until("refused", func(s *Snapshot) bool { return s.Told.Err != nil })
	if !strings.Contains(s.Told.Err.Error(), "in use") {
		t.Errorf("said %v", s.Told.Err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	x.until("free", func(s *Snapshot) bool { return first(s).Waits() })
}

// What somebody else began is offered like what was begun here, and taken over before anything else.
func TestADeploymentOfSomebodyElseIsTakenOver(t *testing.T) {
	f := newFake(3)
	f.hold = make(chan struct{})
	ana := f.watch(t, t.TempDir())
	id := ana.begun()
	<-f.held
	ana.Detach()
	close(f.hold)
	ana.until("let go of", func(s *Snapshot) bool { return first(s).Waits() })
	ana.Close()
	f.mu.Lock()
	f.hold = nil
	f.mu.Unlock()

	dir := t.TempDir()
	look := func() (deploy.Elsewhere, deploy.Reading, bool) {
		r, _ := f.Observe(t.Context(), deploy.Want{})
		ee := deploy.Others("app", r, time.Now())
		if len(ee) == 0 {
			return deploy.Elsewhere{}, r, false
		}
		return ee[0], r, true
	}
	ben := Watch(t.Context(), Options{
		Dir: filepath.Join(dir, "deploys"), Holder: "ben@desk", Local: 10 * time.Millisecond, Every: 20 * time.Millisecond,
		Fleet: func(context.Context) (out Fleet, err error) {
			if e, r, ok := look(); ok {
				s, err := e.State(r, "ben@desk", time.Now())
				if err != nil {
					return out, err
				}
				out.Elsewhere = []Deployment{{ID: e.Head.Deploy, Holder: e.Head.Holder, Plan: e.Plan, Progress: deploy.ProgressOf(s), Elsewhere: true}}
			}
			return out, nil
		},
		Platform: func(context.Context, *deploy.Plan, json.RawMessage, func(string)) (deploy.Platform, error) {
			return f, nil
		},
		TakeOver: func(ctx context.Context, id string) (*deploy.Deployment, error) {
			return deploy.TakeOver(ctx, deploy.Takeover{Platform: f, App: "app", Deploy: id, Dir: filepath.Join(dir, "deploys"), Holder: "ben@desk"})
		},
	})
	t.Cleanup(ben.Close)
	x := &world{Watcher: ben, t: t, f: f, dir: dir}
	s := x.until("offered", func(s *Snapshot) bool { return len(s.Deployments) == 1 && s.Deployments[0].Waits() })
	if d := s.Deployments[0]; d.ID != id || !d.Elsewhere || d.Holder != "ana@laptop" || len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Detail, "can be taken over") {
		t.Errorf("offered %+v, problems %+v", d, s.Problems)
	}
	if err := ben.Choose("01NONE", deploy.Resume); err == nil {
		t.Error("one that is not there is taken over")
	}
	if err := ben.Choose(id, deploy.Resume); err != nil {
		t.Fatal(err)
	}
	s = x.until("deployed", func(s *Snapshot) bool {
		return len(s.Deployments) == 1 && s.Deployments[0].Over() && !s.Deployments[0].Here
	})
	d := s.Deployments[0]
	if d.Progress.Outcome != deploy.Deployed || d.Elsewhere || !slices.ContainsFunc(d.Events, func(e deploy.Event) bool { return e.Step == "take over" }) {
		t.Errorf("ended %+v", d.Progress)
	}
}
