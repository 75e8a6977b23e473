package schedule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/store"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/wg"
)

var shop = backup.Source{App: "changelog", Database: "changelog_prod"}

// lab is a simulated world whose machines take backups into a store in memory.
type lab struct {
	*testing.T
	sim      *flysim.Sim
	machines *Machines
	store    *store.Mem
	catalog  *catalog.Catalog

	mu         sync.Mutex // guards do and seenWithin
	do         func(ctx context.Context, p *flysim.Process, pr *Progress) int
	seenWithin time.Duration // how long a run waits for somebody to see its end
	runs       chan *flysim.Process
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{T: t, store: store.NewMem(nil), seenWithin: 500 * time.Millisecond, runs: make(chan *flysim.Process, 16)}
	l.catalog = catalog.New(l.store)
	l.do = func(_ context.Context, p *flysim.Process, pr *Progress) int { return l.takeBackup(p, pr) }
	sim, err := flysim.Start(t.Context(), flysim.Options{Seed: 11, Program: l.program})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	l.sim = sim
	l.machines = l.fresh()
	if err := sim.World().SetSecret("", "DATABASE_URL", "postgres://u:hunter2@db/x"); err != nil {
		t.Fatal(err)
	}
	return l
}

// fresh is a client that has not asked anything yet: each keeps to the platform's limits for itself, and waits for that.
func (l *lab) fresh() *Machines {
	url := l.sim.URL()
	c := fly.New(fly.Options{MachinesURL: url, GraphQLURL: url, WebURL: url, Token: fly.FileToken(l.sim.Dir() + "/token")})
	l.Cleanup(c.Close)
	return &Machines{Client: c, App: l.sim.App()}
}

// program is what a machine of the world runs.
func (l *lab) program(ctx context.Context, p *flysim.Process) int {
	l.runs <- p
	_, port, err := net.SplitHostPort(p.Env[EnvProgress])
	if err != nil {
		l.Error(err)
		return 2
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		l.Error(err)
		return 2
	}
	ln, err := p.Listen(uint16(number))
	if err != nil {
		l.Error(err)
		return 2
	}
	pr := NewProgress(p.Env[EnvProgressWord])
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error)
	go func() { served <- pr.Serve(serving, ln) }()
	l.mu.Lock()
	do, seenWithin := l.do, l.seenWithin
	l.mu.Unlock()
	code := do(ctx, p, pr)
	linger, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	pr.WaitSeen(linger)
	stop()
	if err := <-served; err != nil {
		l.Error(err)
	}
	return code
}

func (l *lab) setDo(f func(ctx context.Context, p *flysim.Process, pr *Progress) int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.do = f
}

type state struct {
	Table string `json:"table"`
	Done  bool   `json:"done,omitempty"`
}

func (l *lab) idOf(p *flysim.Process) backup.ID {
	if id := p.Env[EnvID]; id != "" {
		return backup.ID(id)
	}
	id, err := backup.NewID(time.Now(), nil)
	if err != nil {
		l.Error(err)
	}
	return id
}

func (l *lab) takeBackup(p *flysim.Process, pr *Progress) int {
	_ = pr.Publish(state{Table: "events"})
	id := l.idOf(p)
	m := backup.Manifest{
		Format: backup.Format, ID: id, Source: shop, Reason: backup.Scheduled, Remote: p.Instance.ID,
		Started: id.Time(), Finished: time.Now(), Payload: []backup.Payload{{Key: "dump", Kind: backup.Dump}},
	}
	b, err := json.Marshal(m)
	if err != nil {
		l.Error(err)
	}
	for name, data := range map[string][]byte{"dump": nil, backup.ManifestName: b} {
		if _, err := l.store.PutIfAbsent(context.Background(), backup.Dir(shop, id)+"/"+name, data); err != nil {
			l.Error(err)
			return 1
		}
	}
	_ = pr.End(state{Table: "events", Done: true})
	return 0
}

func (l *lab) job() Job {
	return Job{
		Source: shop, Region: "ord", Image: "registry.example.com/ops-console:1",
		Command: []string{"/usr/bin/ops-console", "backup", "run", "--app", "changelog"},
		Env:     map[string]string{"OPS_CONSOLE_BACKUP_STORE": "s3://bucket/prefix"}, Secrets: []string{"DATABASE_URL"},
		Files: map[string][]byte{"/etc/ops-console/config.toml": []byte("[app.changelog]\n")},
	}
}

func (l *lab) wait(what string, f func() bool) {
	l.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			l.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *lab) newID() backup.ID {
	l.Helper()
	id, err := backup.NewID(time.Now(), nil)
	if err != nil {
		l.Fatal(err)
	}
	return id
}

func (l *lab) records() []backup.Record {
	l.Helper()
	got, err := l.catalog.List(l.Context(), shop)
	if err != nil {
		l.Fatal(err)
	}
	return got.Records
}

func TestAScheduleOfThePlatform(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	m, err := l.machines.Schedule(ctx, l.job(), Daily)
	if err != nil {
		t.Fatal(err)
	}
	l.wait("the first backup", func() bool { return len(l.records()) == 1 })
	p := <-l.runs
	if p.Env["DATABASE_URL"] == "" || p.Instance.Region != "ord" || len(p.Files["/etc/ops-console/config.toml"]) == 0 || !p.Instance.SkipDNS {
		t.Errorf("it ran with %+v", p.Run)
	}
	l.wait("the machine to rest", func() bool { return !l.ours()[0].Started })
	all, err := l.machines.List(ctx)
	if err != nil || len(all) != 1 || all[0].ID != m.ID || all[0].Every != Daily || all[0].Source != backup.SourceDir(shop) || !all[0].Known {
		t.Fatalf("list: %+v, %v", all, err)
	}
	m = all[0]
	if m.Exit == nil || m.Exit.ExitCode != 0 || m.Started.IsZero() || m.Runs() {
		t.Errorf("it ended %+v", m)
	}

	// Again the same: nothing changes. Another schedule: the same machine.
	again, err := l.fresh().Schedule(ctx, l.job(), Daily)
	if err != nil || again.ID != m.ID || again.Machine.InstanceID != m.Machine.InstanceID {
		t.Errorf("scheduled again: %+v, %v", again, err)
	}
	other, err := l.fresh().Schedule(ctx, l.job(), Hourly)
	if err != nil || other.ID != m.ID || other.Machine.InstanceID == m.Machine.InstanceID || other.Every != Hourly {
		t.Errorf("scheduled otherwise: %+v, %v", other, err)
	}
	elsewhere := l.job()
	elsewhere.Region = "fra"
	if _, err := l.fresh().Schedule(ctx, elsewhere, Hourly); err == nil || !strings.Contains(err.Error(), "remove it first") {
		t.Errorf("scheduled in another region: %v", err)
	}

	var out strings.Builder
	l.wait("the update to be over", func() bool {
		out.Reset()
		return flysim.Control(ctx, l.sim.Dir(), []string{"fire"}, &out) == nil
	})
	l.wait("the backup of the schedule", func() bool { return len(l.records()) == 2 })

	mm, err := l.machines.Client.Machines(ctx, l.sim.App())
	if err != nil {
		t.Fatal(err)
	}
	foreign := mm[slices.IndexFunc(mm, func(o fly.Machine) bool { return o.ID != m.ID })]
	if err := l.machines.Remove(ctx, foreign.ID, true); !errors.Is(err, ErrNotOurs) {
		t.Errorf("removing a machine of the app: %v", err)
	}
	l.wait("the removal", func() bool {
		err := l.machines.Remove(ctx, m.ID, false)
		return err == nil || !errors.Is(err, ErrRuns)
	})
	l.gone()
	for range 2 {
		if err := l.machines.Remove(ctx, m.ID, false); err != nil {
			t.Errorf("removing what is gone: %v", err)
		}
	}
}

// network is the private network as the console has it: through the tunnel.
func (l *lab) network() wg.Network {
	l.Helper()
	dir := l.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		l.Fatal(err)
	}
	n, err := wg.Open(l.Context(), wg.Options{Mode: wg.ModeUser, ConfigPath: l.sim.ConfPath(), RuntimeDir: dir})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { n.Close() })
	return n
}

func (l *lab) remote(seen *[]state) *Remote {
	l.mu.Lock()
	l.seenWithin = 10 * time.Second // somebody looks
	l.mu.Unlock()
	return &Remote{Machines: l.machines, Catalog: l.catalog, Look: 200 * time.Millisecond, Dial: l.network().DialContext, Progress: func(b json.RawMessage) {
		var s state
		if err := json.Unmarshal(b, &s); err != nil {
			l.Error(err)
		}
		*seen = append(*seen, s)
	}}
}

func (l *lab) gone() {
	l.Helper()
	// Asked of the world, not of the platform, which the client asks once a second at most.
	l.wait("the machine to be gone", func() bool { return len(l.ours()) == 0 })
}

// ours is the machines for backups that the world has.
func (l *lab) ours() []platform.Instance {
	return slices.DeleteFunc(l.sim.World().Instances(), func(i platform.Instance) bool { return i.Metadata[metaRole] != roleBackup })
}

func TestOneBackupOnAMachine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var seen []state
	id := l.newID()
	rec, err := l.remote(&seen).Run(t.Context(), l.job(), id)
	if err != nil || rec.Manifest.ID != id || rec.Manifest.Remote == "" {
		t.Fatalf("got %+v, %v", rec, err)
	}
	if len(seen) == 0 || !seen[len(seen)-1].Done {
		t.Errorf("seen %+v", seen)
	}
	l.gone()
}

func TestAFailureOnAMachine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.setDo(func(ctx context.Context, p *flysim.Process, pr *Progress) int {
		id := l.idOf(p)
		if err := l.catalog.AddFailure(ctx, backup.Failure{ID: id, Source: shop, At: time.Now(), Why: "permission denied for large object"}); err != nil {
			l.Error(err)
		}
		_ = pr.End(state{})
		return 1
	})
	var seen []state
	_, err := l.remote(&seen).Run(t.Context(), l.job(), l.newID())
	if err == nil || !strings.Contains(err.Error(), "permission denied for large object") {
		t.Errorf("got %v", err)
	}
	l.gone()
}

// The network is not needed: neither for the run nor to know what came of it.
func TestAMachineThatLeavesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.setDo(func(context.Context, *flysim.Process, *Progress) int { return 127 })
	r := &Remote{Machines: l.machines, Catalog: l.catalog, Look: 200 * time.Millisecond}
	_, err := r.Run(t.Context(), l.job(), l.newID())
	if !errors.Is(err, ErrNoOutcome) || !strings.Contains(err.Error(), "does not have the program") {
		t.Errorf("got %v", err)
	}
	l.gone()
}

func TestGivingUpEndsTheMachine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	gaveUp := make(chan struct{})
	l.setDo(func(ctx context.Context, _ *flysim.Process, pr *Progress) int {
		_ = pr.Publish(state{Table: "events"})
		<-ctx.Done()
		close(gaveUp)
		return 1
	})
	ctx, cancel := context.WithCancel(t.Context())
	r := &Remote{Machines: l.machines, Catalog: l.catalog, Look: 200 * time.Millisecond, Dial: l.network().DialContext, Progress: func(json.RawMessage) { cancel() }}
	_, err := r.Run(ctx, l.job(), l.newID())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-gaveUp
	l.gone()
}

// The answer to the create is lost, and the machine is there: it is found, and there is one.
func TestACreateWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := l.sim.World().SetFault(platform.Fault{Name: "408-after-create"}); err != nil {
		t.Fatal(err)
	}
	id := l.newID()
	rec, err := (&Remote{Machines: l.machines, Catalog: l.catalog, Look: 200 * time.Millisecond}).Run(t.Context(), l.job(), id)
	if err != nil || rec.Manifest.ID != id {
		t.Fatalf("got %+v, %v", rec, err)
	}
	if len(l.runs) != 1 {
		t.Errorf("%d machines ran", len(l.runs))
	}
}

func TestJobsThatCannotWork(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for want, change := range map[string]func(*Job){
		"which region":                        func(j *Job) { j.Region = "" },
		"backup.image":                        func(j *Job) { j.Image = "" },
		"nothing to run":                      func(j *Job) { j.Command = nil },
		"fly secrets set --stage -a changelo": func(j *Job) { j.Secrets = append(j.Secrets, "STORE_KEY") },
		"file /x: it looks":                   func(j *Job) { j.Files = map[string][]byte{"/x": []byte(`url = "postgres://u:hunter2@db/x"`)} },
		"like a secret":                       func(j *Job) { j.Env = map[string]string{"DATABASE_URL": "postgres://u:hunter2@db/x"} },
	} {
		j := l.job()
		change(&j)
		_, err := l.fresh().Schedule(t.Context(), j, Daily)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%q: %v", want, err)
		}
		if _, err := (&Remote{Machines: l.machines, Catalog: l.catalog, Look: 200 * time.Millisecond}).Run(t.Context(), j, l.newID()); err == nil {
			t.Errorf("%q ran", want)
		}
	}
	if all, err := l.machines.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := ParseEvery("0 3 * * *"); err == nil {
		t.Error("the platform knows no cron")
	}
	b, err := json.Marshal(l.job().Config(Daily))
	if err != nil || !bytes.Contains(b, []byte(`"schedule":"daily"`)) || bytes.Contains(b, []byte("fly_process_group")) {
		t.Errorf("%s, %v", b, err)
	}
}

// held is a run that shows that it began, and goes on when the test says so.
func (l *lab) held() (begun <-chan *flysim.Process, goOn chan<- struct{}) {
	b, g := make(chan *flysim.Process, 4), make(chan struct{})
	l.setDo(func(ctx context.Context, p *flysim.Process, pr *Progress) int {
		_ = pr.Publish(state{Table: "events"})
		b <- p
		select {
		case <-g:
			return l.takeBackup(p, pr)
		case <-ctx.Done():
			return 1
		}
	})
	return b, g
}

// Nothing that only keeps us from seeing a run is taken for its end.
func TestARunThatCannotBeSeenGoesOn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api-down", "host-unreachable", "tunnel-drop", "list-empty"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			begun, goOn := l.held()
			var seen []state
			r, id := l.remote(&seen), l.newID()
			type result struct {
				rec backup.Record
				err error
			}
			done := make(chan result, 1)
			go func() {
				rec, err := r.Run(t.Context(), l.job(), id)
				done <- result{rec, err}
			}()
			p := <-begun
			f := platform.Fault{Name: name}
			if name == "host-unreachable" {
				f.Target = p.Instance.ID
			}
			if err := l.sim.World().SetFault(f); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-done:
				t.Fatalf("it ended: %+v", got)
			case <-time.After(time.Second):
			}
			close(goOn)
			if err := l.sim.World().ClearFault(name); err != nil {
				t.Fatal(err)
			}
			if got := <-done; got.err != nil || got.rec.Manifest.ID != id {
				t.Errorf("got %+v", got)
			}
			l.gone()
		})
	}
}

// What a schedule runs can be watched too, and is not ended by whoever stops watching.
func TestARunOfAScheduleIsWatched(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	begun, goOn := l.held()
	if _, err := l.machines.Schedule(t.Context(), l.job(), Daily); err != nil {
		t.Fatal(err)
	}
	<-begun
	all, err := l.machines.List(t.Context())
	if err != nil || len(all) != 1 || !all[0].Runs() {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := l.machines.Remove(t.Context(), all[0].ID, false); !errors.Is(err, ErrRuns) {
		t.Errorf("removed while it runs: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var seen []state
	r := l.remote(&seen)
	r.Progress = func(json.RawMessage) { cancel() }
	if _, err := r.Follow(ctx, all[0], shop); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped watching: %v", err)
	}

	r = l.remote(&seen)
	close(goOn)
	rec, err := r.Follow(t.Context(), all[0], shop)
	if err != nil || rec.Manifest.Remote != all[0].ID {
		t.Errorf("%+v, %v", rec, err)
	}
	if len(l.ours()) != 1 {
		t.Error("the schedule went with its run")
	}
}
