package platform

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
)

const scheduled = `{"image":"registry.fly.io/ops-console:1","init":{"exec":["/ops-console","backup","run"]},"env":{"A":"1"},` +
	`"files":[{"guest_path":"/a","raw_value":"aGk="},{"guest_path":"/b","secret_name":"FILE"}],` +
	`"schedule":"daily","restart":{"policy":"no"},"dns":{"skip_registration":true}}`

// program is a program whose end the test decides.
type program struct {
	runs  chan Run
	end   chan int
	ended chan error // why its context ended, where that was first
}

func newProgram() *program {
	return &program{runs: make(chan Run, 8), end: make(chan int), ended: make(chan error, 8)}
}

func (p *program) options() Options {
	return Options{Program: func(r Run) func(context.Context) int {
		if !slices.Contains(r.Command, "backup") {
			return nil
		}
		return func(ctx context.Context) int {
			p.runs <- r
			select {
			case code := <-p.end:
				return code
			case <-ctx.Done():
				p.ended <- ctx.Err()
				return 1
			}
		}
	}}
}

func (b *bench) create(config string) string {
	b.Helper()
	a := b.do("POST", "/v1/apps/changelog/machines", map[string]any{"region": "ord", "config": json.RawMessage(config)})
	if a.status != 200 {
		b.Fatalf("create: %d %s", a.status, a.text)
	}
	id, _ := a.get("id").(string)
	return id
}

// until waits for a state that a program in real time leads to.
func (b *bench) until(id, state string) {
	b.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := b.do("GET", "/v1/apps/changelog/machines/"+id, nil).get("state")
		if got == state {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("machine %s is %v, want %s", id, got, state)
		}
		time.Sleep(time.Millisecond)
	}
}

func take[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestScheduledMachineRunsAtOnceAndEveryDay(t *testing.T) {
	p := newProgram()
	b := newBench(t, p.options())
	if err := b.w.SetSecret("", "DATABASE_URL", "postgres://db"); err != nil {
		t.Fatal(err)
	}
	if err := b.w.SetSecret("", "FILE", "c2VjcmV0"); err != nil {
		t.Fatal(err)
	}
	id := b.create(scheduled)
	b.forward(time.Second)
	b.w.Tick()
	r := take(t, p.runs)
	if string(r.Files["/a"]) != "hi" || string(r.Files["/b"]) != "secret" {
		t.Errorf("files %q", r.Files)
	}
	if r.Instance.ID != id || !r.Instance.SkipDNS || r.Env["A"] != "1" || r.Env["DATABASE_URL"] != "postgres://db" ||
		r.Env["FLY_MACHINE_ID"] != id || r.Env["FLY_REGION"] != "ord" || r.Env["FLY_PRIVATE_IP"] != r.Instance.Addr.String() {
		t.Errorf("ran %+v", r)
	}
	// It runs as long as it runs, and its exit is the machine's.
	b.forward(20 * time.Hour)
	b.until(id, fly.StateStarted)
	p.end <- 3
	b.until(id, fly.StateStopped)
	if text := b.do("GET", "/v1/apps/changelog/machines/"+id, nil).text; !strings.Contains(text, `"exit_code":3`) {
		t.Errorf("no exit in %s", text)
	}
	for range 3 {
		b.forward(24 * time.Hour)
		b.w.Tick()
		b.forward(time.Second)
		b.w.Tick()
		take(t, p.runs)
		p.end <- 0
		b.until(id, fly.StateStopped)
	}
	// Destroyed, it never comes up again.
	if a := b.do("DELETE", "/v1/apps/changelog/machines/"+id, nil); a.status != 200 {
		t.Fatal(a.text)
	}
	b.forward(48 * time.Hour)
	b.w.Tick()
	if len(p.runs) != 0 {
		t.Error("a destroyed machine came up")
	}
}

func TestFireBringsAScheduleForward(t *testing.T) {
	p := newProgram()
	b := newBench(t, p.options())
	if _, err := b.w.Fire(""); err == nil {
		t.Error("nothing has a schedule, and yet something fired")
	}
	id := b.create(scheduled)
	b.forward(time.Second)
	b.w.Tick()
	take(t, p.runs)
	if _, err := b.w.Fire(id); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("fired while it runs: %v", err)
	}
	p.end <- 0
	b.until(id, fly.StateStopped)
	for _, name := range []string{id[:6], ""} {
		up, err := b.w.Fire(name)
		if err != nil || !slices.Equal(up, []string{id}) {
			t.Fatalf("fire %q: %v, %v", name, up, err)
		}
		b.forward(time.Second)
		b.w.Tick()
		take(t, p.runs)
		p.end <- 0
		b.until(id, fly.StateStopped)
	}
	if _, err := b.w.Fire("nobody"); err == nil {
		t.Error("nobody fired")
	}
}

func TestStoppingAMachineEndsItsProgram(t *testing.T) {
	p := newProgram()
	b := newBench(t, p.options())
	id := b.create(scheduled)
	b.forward(time.Second)
	b.w.Tick()
	take(t, p.runs)
	if a := b.do("POST", "/v1/apps/changelog/machines/"+id+"/stop", nil); a.status != 200 {
		t.Fatal(a.text)
	}
	take(t, p.ended)
	b.forward(time.Second)
	b.until(id, fly.StateStopped)

	// The end of the world ends it too.
	if _, err := b.w.Fire(""); err != nil {
		t.Fatal(err)
	}
	b.forward(time.Second)
	b.w.Tick()
	take(t, p.runs)
	if err := b.w.Close(); err != nil {
		t.Fatal(err)
	}
	take(t, p.ended)
}

func TestOnceAndAway(t *testing.T) {
	p := newProgram()
	b := newBench(t, p.options())
	id := b.create(`{"image":"i","init":{"cmd":["backup"]},"auto_destroy":true,"restart":{"policy":"no"}}`)
	b.forward(time.Second)
	b.w.Tick()
	take(t, p.runs)
	p.end <- 0
	b.until(id, fly.StateStopped)
	b.forward(time.Second)
	b.forward(time.Second)
	b.until(id, fly.StateDestroyed)
}

func TestSchedulesThatThePlatformDoesNotHave(t *testing.T) {
	b := newBench(t, Options{})
	a := b.do("POST", "/v1/apps/changelog/machines", map[string]any{"region": "ord", "config": json.RawMessage(`{"image":"i","schedule":"5 4 * * *"}`)})
	if a.status != 400 || !strings.Contains(a.text, "hourly") {
		t.Errorf("%d %s", a.status, a.text)
	}
}
