package platform

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/fly"
)

const listPath = "/v1/apps/changelog/machines"

func (b *bench) listLen() int {
	b.Helper()
	list, ok := b.want(200, "GET", listPath, nil).json.([]any)
	if !ok {
		b.Fatal("no list")
	}
	return len(list)
}

func TestParseFault(t *testing.T) {
	tests := []struct {
		in   string
		want Fault
	}{
		{"api-down", Fault{Name: "api-down"}},
		{"api-slow delay=3s", Fault{Name: "api-slow", Args: []string{"delay=3s"}}},
		{"host-unreachable 148e", Fault{Name: "host-unreachable", Target: "148e"}},
		{"stuck 148e starting", Fault{Name: "stuck", Target: "148e", Args: []string{"starting"}}},
		{`check-failing all text="500 it's broken"`, Fault{Name: "check-failing", Target: "all", Args: []string{"text=500 it's broken"}}},
		{`x y ''`, Fault{Name: "x", Target: "y", Args: []string{""}}},
	}
	for _, tt := range tests {
		got, err := ParseFault(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, d)
		}
		again, err := ParseFault(got.String())
		if err != nil {
			t.Errorf("%s printed as %s: %v", tt.in, got, err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Errorf("%s printed as %s (-want +got):\n%s", tt.in, got, d)
		}
	}
	for _, bad := range []string{"", "  ", "''", "x 'y", `x y\`, "x '' y"} {
		if f, err := ParseFault(bad); err == nil {
			t.Errorf("%q: no error, got %+v", bad, f)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("check-failing 148e text='a b' n=3")
	f.Add(`x "y\"z" ''`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseFault(s)
		if err != nil {
			return
		}
		again, err := ParseFault(got.String())
		if err != nil {
			t.Fatalf("%q printed as %q: %v", s, got, err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Fatalf("%q printed as %q (-want +got):\n%s", s, got, d)
		}
	})
}

func TestFaultsAreChecked(t *testing.T) {
	b := newBench(t, Options{})
	id := b.add(2, MachineSpec{})[0]
	for bad, want := range map[string]string{
		"nonsense":                    `no fault "nonsense"`,
		"oom":                         "needs a target",
		"oom ffff":                    "no machine",
		"crash-loop " + id + " up=x":  "not a duration",
		"api-slow soon":               "not a duration",
		"api-5xx-burst n=-1":          "not a number",
		"crash-loop " + id + " pet=1": `takes no "pet"`,
		"refuse " + id + " now":       "too much",
		"stuck " + id + " started":    "cannot be stuck",
		"check-failing all check=nil": "has no check",
	} {
		f, err := ParseFault(bad)
		if err == nil {
			err = b.w.SetFault(f)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s…", bad, err, want)
		}
	}
	if ff := b.w.Faults(); len(ff) != 0 {
		t.Errorf("on: %v", ff)
	}
	if err := b.w.ClearFault("oom"); err == nil {
		t.Error("clearing what is not on is no error")
	}
	if err := b.w.ClearFault("all"); err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, k := range b.w.FaultKinds() {
		if k.Help == "" || seen[k.Name] || !strings.HasPrefix(k.Usage(), k.Name) {
			t.Errorf("%s: help %q, usage %q, twice %t", k.Name, k.Help, k.Usage(), seen[k.Name])
		}
		seen[k.Name] = true
		for _, a := range k.Args {
			if a.Help == "" {
				t.Errorf("%s %s has no help", k.Name, a.Name)
			}
		}
	}
}

func TestAPIFaults(t *testing.T) {
	tests := []struct {
		fault string
		check func(b *bench)
	}{
		{"api-down how=503", func(b *bench) { b.want(503, "GET", listPath, nil) }},
		{"api-down how=503 part=graphql", func(b *bench) {
			b.want(200, "GET", listPath, nil)
			b.want(503, "POST", "/graphql", "{}")
		}},
		{"api-slow 2s", func(b *bench) {
			before := b.now()
			b.in(func() answer { return b.do("GET", listPath, nil) })
			if d := b.now().Sub(before); d < 2*time.Second {
				b.Errorf("answered after %v", d)
			}
		}},
		{"api-5xx-burst n=2 status=502", func(b *bench) {
			b.want(502, "GET", listPath, nil)
			b.want(502, "GET", listPath, nil)
			b.want(200, "GET", listPath, nil)
			if len(b.w.Faults()) != 0 {
				b.Error("still on")
			}
		}},
		{"unauthorized", func(b *bench) {
			b.want(401, "GET", listPath, nil)
			if a := b.want(200, "POST", "/graphql", "{}"); !strings.Contains(a.text, "UNAUTHORIZED") {
				b.Error(a.text)
			}
		}},
		{"rate-limited retry=5s", func(b *bench) {
			if a := b.want(429, "GET", listPath, nil); a.header.Get("Retry-After") == "" {
				b.Error("no Retry-After")
			}
		}},
		{"html-error", func(b *bench) {
			if a := b.want(200, "GET", listPath, nil); !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				b.Error(a.header)
			}
		}},
		{"garbled-json", func(b *bench) {
			if a := b.want(200, "GET", listPath, nil); a.json != nil {
				b.Error("still JSON")
			}
		}},
		{"list-empty n=1", func(b *bench) {
			if n, m := b.listLen(), b.listLen(); n != 0 || m != 4 {
				b.Errorf("got %d and %d", n, m)
			}
		}},
		{"list-short drop=2", func(b *bench) {
			if n := b.listLen(); n != 2 {
				b.Errorf("got %d", n)
			}
			if n := b.want(200, "GET", "/v1/apps/changelog", nil).get("machine_count"); n != 4.0 {
				b.Errorf("machine_count is %v", n)
			}
		}},
		{"list-short region=iad", func(b *bench) {
			if n := b.listLen(); n != 2 {
				b.Errorf("got %d", n)
			}
		}},
		{"list-stale", func(b *bench) {
			id := b.w.Instances()[0].ID
			b.want(200, "DELETE", mpath+id+"?kill=true", nil)
			b.forward(time.Minute)
			if n := b.listLen(); n != 4 {
				b.Errorf("got %d", n)
			}
		}},
		{"408-after-create", func(b *bench) {
			b.want(408, "POST", listPath, map[string]any{"config": configFor("a:1")})
			if n := b.listLen(); n != 5 {
				b.Errorf("got %d", n)
			}
			b.want(200, "POST", listPath, map[string]any{"config": configFor("a:1")})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			b := newBench(t, Options{})
			b.add(4, MachineSpec{}, "ord", "iad")
			b.fault(tt.fault)
			tt.check(b)
			if err := b.w.ClearFault("all"); err != nil {
				t.Fatal(err)
			}
			if a := b.want(200, "GET", listPath, nil); a.json == nil {
				t.Error("not healed:", a.text)
			}
		})
	}
}

func TestAPIDownClosesTheConnection(t *testing.T) {
	b := newBench(t, Options{})
	b.fault("api-down")
	s := httptest.NewServer(b.h)
	defer s.Close()
	res, err := http.Get(s.URL + listPath)
	if err == nil {
		res.Body.Close()
		t.Fatalf("got an answer: %s", res.Status)
	}
	if errors.Is(err, http.ErrHandlerTimeout) {
		t.Error(err)
	}
}

func TestMachineFaults(t *testing.T) {
	tests := []struct {
		fault string // of the machine M
		check func(b *bench, id string)
		after func(b *bench, id string) // when it is off again for a minute; nil: the machine is healthy
	}{
		{"host-unreachable M", func(b *bench, id string) {
			m := b.machine(id)
			if m.HostStatus != fly.HostUnreachable || m.Config != nil || m.IncompleteConfig == nil || m.State != fly.StateStarted {
				b.Errorf("machine is %+v", m)
			}
			if a := b.do("GET", mpath+id, nil); a.get("incomplete_config", "services") != nil {
				b.Error("incomplete_config is complete:", a.text)
			}
			b.want(503, "POST", mpath+id+"/stop", nil)
			if i, _ := b.w.Instance(id); !i.Behaviour.Silent {
				b.Error("still answers")
			}
		}, nil},
		{"crash-loop M exit=3 up=1s wait=2s", func(b *bench, id string) {
			b.forward(20 * time.Second)
			m := b.machine(id)
			i := slices.IndexFunc(m.Events, func(e fly.Event) bool { return e.Exit() != nil })
			if x := m.Events[i].Exit(); x.ExitCode != 3 || !x.Restarting || x.OOMKilled || m.Events[i].Request.RestartCount < 5 {
				b.Errorf("exit %+v, restarts %d", x, m.Events[i].Request.RestartCount)
			}
			if in, _ := b.w.Instance(id); in.Started && !in.Behaviour.Dead {
				b.Error("listens")
			}
		}, nil},
		{"crash-loop M up=1s wait=1s max=3", func(b *bench, id string) {
			b.forward(time.Minute)
			if m := b.machine(id); m.State != fly.StateStopped || m.Events[0].Exit().Restarting {
				b.Errorf("machine is %+v", m)
			}
		}, func(b *bench, id string) {
			if s := b.state(id); s != fly.StateStopped {
				b.Errorf("state is %s", s)
			}
		}},
		{"oom M", func(b *bench, id string) {
			m := b.machine(id)
			i := slices.IndexFunc(m.Events, func(e fly.Event) bool { return e.Exit() != nil })
			if x := m.Events[i].Exit(); !x.OOMKilled || x.GuestSignal != 9 {
				b.Errorf("exit %+v", x)
			}
		}, nil},
		{"check-failing M 'db is slow'", func(b *bench, id string) {
			b.forward(5 * time.Second)
			for _, c := range b.machine(id).Checks {
				if c.Status != fly.CheckCritical || c.Output != "db is slow" {
					b.Errorf("check is %+v", c)
				}
			}
		}, nil},
		{"check-failing M check=db", func(b *bench, id string) {
			b.forward(5 * time.Second)
			cc := b.machine(id).Checks
			if cc[0].Status != fly.CheckPassing || cc[1].Status != fly.CheckCritical {
				b.Errorf("checks are %+v", cc)
			}
		}, nil},
		{"check-flapping M period=5s", func(b *bench, id string) {
			var got []string
			for range 4 {
				got = append(got, b.machine(id).Checks[0].Status)
				b.forward(5 * time.Second)
			}
			if d := cmp.Diff([]string{"critical", "passing", "critical", "passing"}, got); d != "" {
				b.Error(d)
			}
		}, nil},
		{"stuck M stopping", func(b *bench, id string) {
			b.forward(time.Hour)
			if s := b.state(id); s != "stopping" {
				b.Error(s)
			}
		}, func(b *bench, id string) {
			if s := b.state(id); s != fly.StateStopped {
				b.Errorf("state is %s", s)
			}
		}},
		{"stuck M", func(b *bench, id string) {
			b.forward(time.Hour)
			if s := b.state(id); s != "starting" {
				b.Error(s)
			}
		}, nil},
		{"image-pull-revert M", func(b *bench, id string) {
			before := b.machine(id)
			b.want(200, "POST", mpath+id, map[string]any{"config": configFor("a/b:99")})
			b.forward(time.Minute)
			m := b.machine(id)
			if m.InstanceID != before.InstanceID || m.ImageRef.Digest != before.ImageRef.Digest || m.State != fly.StateStarted {
				b.Errorf("machine is %+v", m)
			}
		}, nil},
		{"lease-held M owner=someone@example.com", func(b *bench, id string) {
			if a := b.want(409, "POST", mpath+id+"/stop", nil); !strings.Contains(a.text, "held by someone@example.com") {
				b.Error(a.text)
			}
		}, func(b *bench, id string) { b.want(200, "POST", mpath+id+"/stop", nil) }},
		{"cordoned M", func(b *bench, id string) {
			if m := b.machine(id); !m.Cordoned {
				b.Error("not cordoned")
			}
		}, nil},
		{"refuse M", behaves(func(x Behaviour) bool { return x.Dead }), nil},
		{"hang M", behaves(func(x Behaviour) bool { return x.Hang }), nil},
		{"silent M", behaves(func(x Behaviour) bool { return x.Silent }), nil},
		{"hostile M", behaves(func(x Behaviour) bool { return x.Hostile }), nil},
		{"slow M 2s", behaves(func(x Behaviour) bool { return x.Delay == 2*time.Second }), nil},
		{"health M 503", behaves(func(x Behaviour) bool { return x.Health == 503 }), nil},
		{"content-stale M old", behaves(func(x Behaviour) bool { return x.Content == "old" }), nil},
		{"split-brain M", behaves(func(x Behaviour) bool { return x.Island == "island" }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			b := newBench(t, Options{})
			id := b.add(3, MachineSpec{})[1]
			before := b.want(200, "GET", mpath+b.w.Instances()[0].ID, nil).text
			b.fault(strings.Replace(tt.fault, "M", id, 1))
			tt.check(b, id)
			if after := b.want(200, "GET", mpath+b.w.Instances()[0].ID, nil).text; after != before {
				t.Errorf("another machine changed:\n%s\n%s", before, after)
			}
			if err := b.w.ClearFault(strings.Fields(tt.fault)[0]); err != nil {
				t.Fatal(err)
			}
			b.forward(time.Minute)
			if tt.after != nil {
				tt.after(b, id)
				return
			}
			i, _ := b.w.Instance(id)
			if !i.Started || i.Behaviour != (Behaviour{}) {
				t.Errorf("not healed: %+v", i)
			}
			m := b.machine(id)
			if m.Config == nil || m.HostStatus != fly.HostOK || m.Cordoned {
				t.Errorf("not healed: %+v", m)
			}
			for _, c := range m.Checks {
				if c.Status != fly.CheckPassing {
					t.Errorf("not healed: %+v", c)
				}
			}
		})
	}
}

func behaves(ok func(Behaviour) bool) func(*bench, string) {
	return func(b *bench, id string) {
		if i, _ := b.w.Instance(id); !ok(i.Behaviour) {
			b.Errorf("behaviour is %+v", i.Behaviour)
		}
	}
}

func TestFaultOfAClassHappensToNewMachines(t *testing.T) {
	b := newBench(t, Options{})
	b.add(2, MachineSpec{Region: "iad"})
	b.fault("refuse region:iad")
	for region, want := range map[string]bool{"iad": true, "ord": false} {
		id := b.want(200, "POST", listPath, map[string]any{"region": region, "config": configFor("a:1")}).get("id").(string)
		b.forward(time.Minute)
		if i, _ := b.w.Instance(id); i.Behaviour.Dead != want {
			t.Errorf("%s: dead is %t", region, i.Behaviour.Dead)
		}
	}
}

func TestFaultsThatEndWithTheProcess(t *testing.T) {
	b := newBench(t, Options{})
	ids := b.add(3, MachineSpec{})
	b.fault("check-failing all until=restart")
	b.fault("crash-loop " + ids[0] + " up=1s wait=1h until=restart")
	b.fault("cordoned all")
	b.forward(time.Minute)
	unwell := func() (n int) {
		for _, id := range ids {
			m := b.machine(id)
			if m.State != fly.StateStarted || slices.ContainsFunc(m.Checks, func(c fly.CheckStatus) bool { return c.Status != fly.CheckPassing }) {
				n++
			}
		}
		return n
	}
	if got := unwell(); got != 3 {
		t.Errorf("%d machines are unwell, want all", got)
	}
	b.want(200, "POST", mpath+ids[0], map[string]any{"config": configFor("a/b:2")})
	b.want(200, "POST", mpath+ids[1]+"/restart", nil)
	b.forward(time.Minute)
	if got := unwell(); got != 1 {
		t.Errorf("%d machines are unwell after an update and a restart, want the third", got)
	}
	b.want(200, "POST", mpath+ids[2], map[string]any{"config": configFor("a/b:2")})
	b.forward(time.Minute)
	if got := unwell(); got != 0 {
		t.Errorf("%d machines are unwell after all updates", got)
	}
	if ff := b.w.Faults(); len(ff) != 1 || ff[0].Name != "cordoned" || !b.machine(ids[2]).Cordoned {
		t.Errorf("faults that are on: %v, want what nothing was said of", ff)
	}
}

func TestConcurrentDeployerRollsOn(t *testing.T) {
	b := newBench(t, Options{})
	if _, err := b.w.AddRelease(ReleaseSpec{Version: 41}); err != nil {
		t.Fatal(err)
	}
	ids := b.add(3, MachineSpec{})
	b.fault("concurrent-deployer every=5s owner=b@example.com")
	b.want(409, "POST", mpath+ids[2]+"/lease?ttl=5", nil)
	b.forward(6 * time.Second)
	var got []int
	for _, i := range b.w.Instances() {
		got = append(got, i.Release)
	}
	if d := cmp.Diff([]int{42, 41, 41}, got); d != "" {
		t.Error("releases (-want +got):\n", d)
	}
	b.forward(time.Minute)
	cur := b.want(200, "GET", "/api/v1/apps/changelog/releases/current", nil)
	if cur.get("status") != "complete" || cur.get("user") != "b@example.com" {
		t.Error("release is", cur.text)
	}
	b.want(201, "POST", mpath+ids[2]+"/lease?ttl=5", nil)
}

func TestRegisteredFault(t *testing.T) {
	b := newBench(t, Options{})
	var log []string
	k := FaultKind{Name: "dns-down", Args: []FaultArg{{"share", "100", "percent"}}, Help: "no names", Apply: func(f Fault, a Args) (func(), error) {
		log = append(log, fmt.Sprint("on ", a.Int("share"), " ", len(b.w.Instances())))
		return func() { log = append(log, "off") }, nil
	}}
	if err := b.w.RegisterFault(k); err != nil {
		t.Fatal(err)
	}
	if err := b.w.RegisterFault(k); err == nil {
		t.Error("registered twice")
	}
	b.fault("dns-down 50")
	if err := b.w.ClearFault("dns-down"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"on 50 0", "off"}, log); d != "" {
		t.Error(d)
	}
}
