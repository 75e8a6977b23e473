//go:build unix

package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/journal"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
)

// deployerEnv has this test's program be a deployer: what it is to do, as JSON.
const deployerEnv = "OPS_CONSOLE_SCENARIO_DEPLOYER"

// order is what a deployer in a process of its own does.
type order struct {
	URL, Dir, Holder string
	Plan             deploy.Plan
	Kill             int  // it kills itself once the journal has that many records; 0: it does not
	After            bool // not before the next call was made, and its answer not written down
}

func TestMain(m *testing.M) {
	if text := os.Getenv(deployerEnv); text != "" {
		if err := obey(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// quick is a platform, and a deployment to it, in real time.
var quick = deploy.Timings{
	Poll: 10 * time.Millisecond, Settle: 30 * time.Millisecond, Call: 10 * time.Second, LeaseTTL: time.Minute, LeaseWait: time.Minute,
	Grace: 30 * time.Millisecond, Stable: 30 * time.Millisecond, Good: 3, Bad: 3, Health: 150 * time.Millisecond, Soak: 20 * time.Millisecond,
	Drain: 10 * time.Millisecond, Tries: 4, Total: time.Hour, Parallel: 8,
}

const soon = 2 * time.Millisecond

var quickly = platform.Delays{
	Create: soon, Start: soon, Boot: soon, Stop: soon, Replace: soon, Suspend: soon, Destroy: soon, Check: soon, Job: soon,
}

func directClient(url string) *fly.Client {
	return fly.New(fly.Options{MachinesURL: url, GraphQLURL: url, WebURL: url, Token: fly.StaticToken("Bearer " + token), Pace: 10_000})
}

// obey is a deployer's whole life.
func obey(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	d, err := deploy.Start(o.Dir, &o.Plan, time.Now())
	if err != nil {
		return err
	}
	c := directClient(o.URL)
	defer c.Close()
	k := &suicidal{Platform: platformOf(c, nil), path: d.Path(), at: o.Kill, after: o.After}
	if !o.After {
		k.perhaps()
	}
	if err := d.Run(context.Background(), deploy.Options{Platform: k, Holder: o.Holder, Progress: func(deploy.Progress) {
		if !o.After {
			k.perhaps()
		}
	}}); err != nil {
		return err
	}
	return d.Close()
}

// suicidal kills its process at a record of the journal.
type suicidal struct {
	deploy.Platform
	path  string
	at    int
	after bool
}

func (k *suicidal) due() bool {
	b, err := os.ReadFile(k.path)
	return err == nil && k.at > 0 && bytes.Count(b, []byte("\n")) >= k.at
}

func (k *suicidal) perhaps() {
	if k.due() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

func (k *suicidal) Do(ctx context.Context, in deploy.Intent) (deploy.Answer, error) {
	if !k.after {
		k.perhaps()
		return k.Platform.Do(ctx, in)
	}
	due := k.due()
	a, err := k.Platform.Do(ctx, in)
	if due {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return a, err
}

// killing is a deployment whose process is killed.
type killing struct {
	name  string
	fleet fleet
	tag   string
	want  ended
}

// longEnv has every kind of deployment killed, not only the usual ones.
const longEnv = "OPS_CONSOLE_SCENARIO"

// TestKilledAtEveryRecord kills a real process at each record of its journal, and after each call that a record announces
// before its answer is written down, and has another one go on an hour later.
func TestKilledAtEveryRecord(t *testing.T) {
	small := func(toml string) fleet { return fleet{toml: toml, app: 2, delays: quickly} }
	kk := []killing{
		{"rolling", small(rollingToml), "42", wasDeployed(``)},
		{"all at once and back", small(with(rollingToml, `"rolling"`, `"immediate"`)), "42-unhealthy", wentBack(``)},
		{"bluegreen", small(bluegreenToml), "42", wasDeployed(``)},
	}
	if os.Getenv(longEnv) == "long" {
		kk = append(kk,
			killing{"canary", small(with(rollingToml, `"rolling"`, `"canary"`)), "42", wasDeployed(``)},
			killing{"canary and back", small(with(rollingToml, `"rolling"`, `"canary"`)), "42-unhealthy", wentBack(``)},
			killing{"bluegreen and back", small(bluegreenToml), "42-unhealthy", wentBack(``)},
			killing{"rolling in three regions", fleet{app: 4, delays: quickly}, "42", wasDeployed(``)},
		)
	}
	for _, k := range kk {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			records, ended := k.play(t, 0, false)
			if !ended || t.Failed() {
				t.Fatal("it does not even end well when nobody kills it")
			}
			var g errgroup.Group
			g.SetLimit(8) // they mostly wait
			var tried, killed atomic.Int32
			try := func(n int, after bool) {
				g.Go(func() error {
					t.Run(fmt.Sprintf("%d,after=%t", n, after), func(t *testing.T) {
						tried.Add(1)
						if _, ended := k.play(t, n, after); !ended {
							killed.Add(1)
						}
					})
					return nil
				})
			}
			for i, kind := range records {
				if raced && i%20 != 0 {
					continue
				}
				try(i+1, false)
				if kind == "intent" {
					try(i+1, true)
				}
			}
			_ = g.Wait()
			if killed.Load() < tried.Load()*4/5 {
				t.Errorf("of %d processes only %d were killed", tried.Load(), killed.Load())
			}
			t.Logf("%d records, killed %d times", len(records), killed.Load())
		})
	}
}

// mortal is a platform on which a process was killed that deployed to it.
type mortal struct {
	*stage
	c     *console
	plan  deploy.Plan
	done  bool // it was not killed
	ahead atomic.Int64
	close func()
}

func (m *mortal) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

// later lets an hour pass.
func (m *mortal) later() {
	m.ahead.Add(int64(time.Hour))
	m.world.Tick()
}

// die deploys in another process that is killed once its journal has n records, or, with after, after the call that follows.
func (k killing) die(t *testing.T, n int, after bool) *mortal {
	m := &mortal{}
	s := newStage(t, k.fleet, m.now)
	server := httptest.NewServer(s.world.Handler())
	m.close = func() { server.Close(); s.close() }
	s.client.Close()
	s.client = directClient(server.URL)
	s.dir = t.TempDir()
	s.slow = soon
	m.stage, m.c = s, s.console(ana)
	p, err := m.c.plan(k.tag)
	if err != nil {
		t.Fatal(err)
	}
	p.Timings = quick
	m.plan = p
	text, err := json.Marshal(order{URL: server.URL, Dir: s.dir, Holder: ana, Plan: p, Kill: n, After: after})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), deployerEnv+"="+string(text))
	out, err := cmd.CombinedOutput()
	var died *exec.ExitError
	switch {
	case err == nil:
		m.done = true
	case !errors.As(err, &died) || died.ExitCode() != -1:
		t.Fatalf("the deployer: %v: %s", err, out)
	}
	return m
}

// play deploys in another process that is killed, and goes on in this one. done says that it was not killed; records are the
// kinds of those in its journal.
func (k killing) play(t *testing.T, n int, after bool) (records []string, done bool) {
	m := k.die(t, n, after)
	defer m.close()
	path := deploy.Path(m.dir, m.plan.ID)
	st, err := deploy.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !m.done {
		m.later()
		d, err := deploy.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Run(t.Context(), deploy.Options{Platform: platformOf(m.client, m.now), Holder: ana, Emit: m.c.emit, Now: m.now}); err != nil {
			t.Fatal(err)
		}
		st = d.State()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	m.c.ends(st, k.want)
	m.noOpenRecords()
	entries, err := journal.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		records = append(records, e.Kind)
	}
	return records, m.done
}
