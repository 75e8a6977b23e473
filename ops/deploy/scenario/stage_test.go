package scenario

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplan"
	"ops-console/ops/deploy/flyplatform"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/fly/flytoml"
)

const (
	appName = "changelog"
	token   = "fo1_world"
	repo    = "registry.fly.io/" + appName + ":deployment-"
)

// rollingToml is an app with a release command, as the platform's client would deploy it.
const rollingToml = `app = "changelog"
primary_region = "ord"
kill_signal = "SIGTERM"
kill_timeout = "5s"
[deploy]
strategy = "rolling"
release_command = "/app/bin/migrate"
wait_timeout = "90s"
[[services]]
internal_port = 4000
protocol = "tcp"
[[services.http_checks]]
interval = "15s"
timeout = "4s"
grace_period = "30s"
method = "GET"
path = "/health"
`

// stage is a platform with an application on it, and a client of it.
type stage struct {
	t      *testing.T
	world  *platform.World
	client *fly.Client
	link   *link
	file   string // fly.toml
	dir    string // of the journals
	before []fly.Machine

	mu   sync.Mutex    // guards what follows
	runs int           // of the release command
	slow time.Duration // of the release command
	code int           // of the release command
	at   map[string]int
}

// fleet says what machines there are; the zero value is four of the group app in three regions.
type fleet struct {
	toml    string
	workers int
	app     int
	cold    int  // of the group app, stopped
	strict  bool // the platform limits requests
	delays  platform.Delays
}

var regions = []string{"ord", "iad", "lhr", "ord"}

// play runs a scenario in a bubble in which waiting takes no time.
func play(t *testing.T, f fleet, do func(t *testing.T, s *stage)) {
	t.Helper()
	t.Parallel()
	bubble(t, f, do)
}

// bubble is play without other tests beside it.
func bubble(t *testing.T, f fleet, do func(t *testing.T, s *stage)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, f, nil)
		s.dir = dir
		defer s.close()
		do(t, s)
	})
}

func newStage(t *testing.T, f fleet, now func() time.Time) *stage {
	s := &stage{t: t, file: cmp.Or(f.toml, rollingToml), at: map[string]int{}}
	s.world = platform.NewWorld(platform.Options{Token: token, RateLimit: f.strict, Delays: f.delays, Job: s.job, Now: now})
	if now != nil {
		s.world.Run()
	}
	if _, err := s.world.AddRelease(platform.ReleaseSpec{Version: 41, Image: repo + "41", Age: time.Hour}); err != nil {
		t.Fatal(err)
	}
	add := func(n int, m platform.MachineSpec) {
		if _, err := s.world.AddMachines(n, m, regions...); err != nil {
			t.Fatal(err)
		}
	}
	add(cmp.Or(f.app, 4), platform.MachineSpec{})
	add(f.workers, platform.MachineSpec{Group: "worker"})
	add(f.cold, platform.MachineSpec{State: fly.StateStopped})
	s.link = newLink(s.world.Handler())
	s.client = s.newClient()
	mm, err := s.client.Machines(t.Context(), appName)
	if err != nil {
		t.Fatal(err)
	}
	s.before = mm
	s.link.forget()
	return s
}

// newClient is another console's.
func (s *stage) newClient() *fly.Client {
	return fly.New(fly.Options{
		MachinesURL: "http://_api.internal", GraphQLURL: "http://_api.internal", WebURL: "http://_api.internal", MetricsURL: "http://_api.internal/prometheus",
		Token: fly.StaticToken("Bearer " + token), Dial: s.link.dial,
	})
}

func (s *stage) close() {
	s.client.Close()
	s.link.close()
	if err := s.world.Close(); err != nil {
		s.t.Error(err)
	}
}

// job is the release command.
func (s *stage) job(platform.Instance, []string) (time.Duration, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	return cmp.Or(s.slow, 2*time.Second), s.code
}

func (s *stage) fault(text string) {
	s.t.Helper()
	f, err := platform.ParseFault(text)
	if err == nil {
		err = s.world.SetFault(f)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// mend switches a fault off.
func (s *stage) mend(name string) {
	s.t.Helper()
	if err := s.world.ClearFault(name); err != nil {
		s.t.Fatal(err)
	}
}

// console is somebody who deploys.
type console struct {
	s      *stage
	name   string
	client *fly.Client
	change func(*flyplan.Input)

	mu     sync.Mutex // guards what follows
	events []deploy.Event
	on     func(deploy.Event)
}

func (s *stage) console(name string) *console { return &console{s: s, name: name, client: s.client} }

// plan plans to deploy the image with a tag.
func (c *console) plan(tag string) (deploy.Plan, error) {
	ctx, t := c.s.t.Context(), c.s.t
	t.Helper()
	f, err := flytoml.Parse("fly.toml", []byte(c.s.file))
	if err != nil {
		t.Fatal(err)
	}
	d, err := flyplan.Definition([]byte(c.s.file))
	if err != nil {
		t.Fatal(err)
	}
	image, err := c.client.Image(ctx, appName, repo+tag)
	if err != nil {
		return deploy.Plan{}, err
	}
	mm, err := c.client.Machines(ctx, appName)
	if err != nil {
		return deploy.Plan{}, err
	}
	in := flyplan.Input{
		ID: c.s.id(c.name), App: appName, By: c.name, At: time.Now(), Machines: mm, File: f, Definition: d,
		Artifact: deploy.Artifact{Image: cmp.Or(image.Ref, repo+tag), Digest: image.Digest}, Old: deploy.Eligibility{Able: deploy.Able},
	}
	if raced {
		in.Timings.Poll = 3 * time.Second // a third of the looks, which are nearly all of the work
	}
	if c.change != nil {
		c.change(&in)
	}
	p, _, err := flyplan.Deploy(in)
	return p, err
}

// id is one that sorts by time of its making, as a journal's name has to.
func (s *stage) id(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[name]++
	return fmt.Sprintf("01J%s%02d", strings.ToUpper(strings.NewReplacer("@", "", ".", "").Replace(name)), s.at[name])
}

// platformOf is what a client gives access to, by a clock.
func platformOf(c *fly.Client, now func() time.Time) *flyplatform.Platform {
	return flyplatform.New(flyplatform.Options{API: c, Definition: json.RawMessage(`{"app":"` + appName + `"}`), Now: now})
}

func (c *console) emit(e deploy.Event) {
	c.mu.Lock()
	c.events = append(c.events, e)
	on := c.on
	c.mu.Unlock()
	if on != nil {
		on(e)
	}
}

// said is everything that was told, a line for each event.
func (c *console) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, e := range c.events {
		fmt.Fprintf(&b, "%7.1fs %s\n", e.At.Sub(c.events[0].At).Seconds(), e.Line())
	}
	return b.String()
}

// start plans and writes the journal.
func (c *console) start(tag string) *deploy.Deployment {
	c.s.t.Helper()
	p, err := c.plan(tag)
	if err != nil {
		c.s.t.Fatal(err)
	}
	d, err := deploy.Start(filepath.Join(c.s.dir, c.name), &p, time.Now())
	if err != nil {
		c.s.t.Fatal(err)
	}
	return d
}

// run carries a deployment on to its end, or until ctx ends.
func (c *console) run(ctx context.Context, d *deploy.Deployment) (*deploy.State, error) {
	err := d.Run(ctx, deploy.Options{Platform: platformOf(c.client, nil), Holder: c.name, Emit: c.emit})
	return d.State(), errors.Join(err, d.Close())
}

// deploy deploys, to the end.
func (c *console) deploy(tag string) *deploy.State {
	c.s.t.Helper()
	st, err := c.run(c.s.t.Context(), c.start(tag))
	if err != nil {
		c.s.t.Fatalf("%v\n%s", err, c.said())
	}
	return st
}

// when has f happen at the first event that is meant.
func (c *console) when(is func(deploy.Event) bool, f func()) {
	var once sync.Once
	c.on = func(e deploy.Event) {
		if is(e) {
			once.Do(f)
		}
	}
}

func phase(p deploy.Phase) func(deploy.Event) bool {
	return func(e deploy.Event) bool { return e.Phase == p }
}

func healthy(n int) func(deploy.Event) bool {
	return func(e deploy.Event) bool { return e.Kind == deploy.EventHealthy && e.Done >= n }
}

// ended is what the end of a deployment has to be.
type ended struct {
	outcome deploy.Outcome
	tag     string // that runs on all machines
	runs    int    // of the release command
	record  string // status of the newest release; empty: none was made
	says    string // pattern that what was told has to match
	held    string // description of leases that are not ours and stay
}

// ends holds the end of a deployment against what it has to be.
func (c *console) ends(st *deploy.State, want ended) {
	s, t := c.s, c.s.t
	t.Helper()
	if st.Outcome != want.outcome {
		t.Errorf("it ended %q (halt %q): back %q, reason %q; want %q", st.Outcome, st.Halt, st.Back, st.Reason, want.outcome)
	}
	s.whole(want)
	t.Logf("%s after %s: %s", st.Outcome, st.At.Sub(st.Began).Round(time.Second), st.Reason)
	if want.says != "" && !regexp.MustCompile(want.says).MatchString(c.said()) {
		t.Errorf("it does not say %q", want.says)
	}
	if t.Failed() {
		t.Logf("what it said:\n%s", c.said())
	}
}

// whole holds what is there against what a deployment has to leave.
func (s *stage) whole(want ended) {
	t := s.t
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	image := repo + want.tag
	mm, err := s.client.MachinesWhere(ctx, appName, fly.Where{Leases: true})
	if err != nil {
		t.Error(err)
		return
	}
	type place struct{ region, group, state string }
	count := map[place]int{}
	for _, m := range s.before {
		count[place{m.Region, m.Config.Metadata[fly.MetaProcessGroup], m.State}]++
	}
	digests, versions := map[string]int{}, map[string]int{}
	for _, m := range mm {
		if m.Config == nil {
			continue
		}
		count[place{m.Region, m.Config.Metadata[fly.MetaProcessGroup], m.State}]--
		digests[m.ImageRef.Digest]++
		versions[m.Config.Metadata[fly.MetaReleaseVersion]]++
		if m.Config.Image != image {
			t.Errorf("machine %s in %s runs %s, not %s", m.ID, m.Region, m.Config.Image, image)
		}
		if m.Lease != nil && (want.held == "" || m.Lease.Description != want.held) {
			t.Errorf("machine %s is still held: %s", m.ID, m.Lease.Description)
		}
		if m.Cordoned {
			t.Errorf("machine %s is cordoned", m.ID)
		}
		if h := m.Config.Metadata[deploy.TagHead]; h != "" {
			t.Errorf("machine %s still says that a deployment is under way: %s", m.ID, h)
		}
		for _, k := range m.Checks {
			if m.State == fly.StateStarted && k.Status != fly.CheckPassing {
				t.Errorf("machine %s: check %s: %s", m.ID, k.Name, k.Output)
			}
		}
	}
	for p, n := range count {
		if n != 0 {
			t.Errorf("%d machines too few of %v", n, p)
		}
	}
	if len(digests) > 1 || len(versions) > 1 {
		t.Errorf("the fleet is mixed: %v, %v", digests, versions)
	}
	s.mu.Lock()
	if s.runs != want.runs {
		t.Errorf("the release command ran %d times, not %d", s.runs, want.runs)
	}
	s.mu.Unlock()
	rr, err := s.client.WebReleases(ctx, appName, 10)
	if err != nil {
		t.Error(err)
		return
	}
	status := ""
	if rr[0].Version > 41 {
		status = rr[0].Status
	}
	if status != want.record {
		t.Errorf("the release record says %q, not %q", status, want.record)
	}
	if v := fmt.Sprint(rr[0].Version); want.outcome == deploy.Deployed && versions[v] == 0 {
		t.Errorf("the machines are of release %v, not %s", slices.Collect(maps.Keys(versions)), v)
	}
}

// noOpenRecords holds that no release record says that it is still under way.
func (s *stage) noOpenRecords() {
	s.t.Helper()
	rr, err := s.client.WebReleases(s.t.Context(), appName, 10)
	if err != nil {
		s.t.Error(err)
	}
	for _, r := range rr {
		if r.InProgress {
			s.t.Errorf("release v%d is said to be %s for ever", r.Version, r.Status)
		}
	}
}

// link is HTTP without a network: each connection is a pipe, so that waiting for one can be told from working.
type link struct {
	server *http.Server
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once

	mu    sync.Mutex // guards calls and on
	calls map[string]int
	on    map[string]func() // before the first call of a kind
}

func newLink(h http.Handler) *link {
	l := &link{conns: make(chan net.Conn), done: make(chan struct{}), calls: map[string]int{}, on: map[string]func(){}}
	l.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.count(r)
		h.ServeHTTP(w, r)
	})}
	go func() { _ = l.server.Serve(l) }() // ends with close
	return l
}

var ids = regexp.MustCompile(`/(machines|releases|apps|volumes)/[^/?]+`)

func (l *link) count(r *http.Request) {
	l.mu.Lock()
	kind := r.Method + " " + ids.ReplaceAllString(r.URL.Path, "/$1/*")
	l.calls[kind]++
	on := l.on[kind]
	delete(l.on, kind)
	l.mu.Unlock()
	if on != nil {
		on()
	}
}

// onCall has f happen before the next call of a kind is carried out.
func (s *stage) onCall(kind string, f func()) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	s.link.on[kind] = f
}

// counted is how many requests there were, by kind.
func (l *link) counted() (all int, by map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.calls {
		all += n
	}
	return all, maps.Clone(l.calls)
}

func (l *link) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.calls)
}

func (l *link) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept implements net.Listener.
func (l *link) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (l *link) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// Close implements net.Listener.
func (l *link) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *link) close() { _ = l.server.Close() }
