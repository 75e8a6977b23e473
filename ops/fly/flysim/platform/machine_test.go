package platform

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/fly"
)

const mpath = "/v1/apps/changelog/machines/"

func configFor(image string) map[string]any {
	return map[string]any{
		"image":    image,
		"metadata": map[string]string{"fly_process_group": "app", "fly_platform_version": "v2", "fly_release_version": "42"},
		"services": []any{map[string]any{"protocol": "tcp", "internal_port": 4000, "checks": []any{
			map[string]any{"type": "http", "interval": "5s", "timeout": "2s", "grace_period": "2s", "path": "/health"},
		}}},
		"unknown_to_us": map[string]any{"kept": true},
	}
}

// states is the states of a machine at each step of the clock, without repetitions.
func (b *bench) states(id string, step time.Duration, n int) []string {
	b.Helper()
	out := []string{b.state(id)}
	for range n {
		b.forward(step)
		if s := b.state(id); s != out[len(out)-1] {
			out = append(out, s)
		}
	}
	return out
}

func TestMachineLives(t *testing.T) {
	tests := []struct {
		name  string
		from  string
		do    func(b *bench, id string)
		want  []string
		event string // the newest, type and status
	}{
		{"start", fly.StateStopped, func(b *bench, id string) {
			if got := b.want(200, "POST", mpath+id+"/start", nil).get("previous_state"); got != "stopped" {
				b.Errorf("previous_state: got %v", got)
			}
		}, []string{"starting", "started"}, "start started"},
		{"stop", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "POST", mpath+id+"/stop", map[string]any{"id": id, "timeout": "0s"})
		}, []string{"stopping", "stopped"}, "exit stopped"},
		{"restart", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "POST", mpath+id+"/restart?force_stop=false", nil)
		}, []string{"restarting", "starting", "started"}, "start started"},
		{"suspend", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "POST", mpath+id+"/suspend", nil)
		}, []string{"suspending", "suspended"}, "suspend suspended"},
		{"update", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "POST", mpath+id, map[string]any{"config": configFor("a/b:2")})
		}, []string{"replacing", "starting", "started"}, "start started"},
		{"update without launch", fly.StateStopped, func(b *bench, id string) {
			b.want(200, "POST", mpath+id, map[string]any{"config": configFor("a/b:2"), "skip_launch": true})
		}, []string{"replacing", "stopped"}, "update stopped"},
		{"kill", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "DELETE", mpath+id+"?kill=true", nil)
		}, []string{"destroying", "destroyed"}, "destroy destroyed"},
		{"force", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "DELETE", mpath+id+"?force=true", nil)
		}, []string{"destroying", "destroyed"}, "destroy destroyed"},
		{"term", fly.StateStarted, func(b *bench, id string) {
			b.want(200, "POST", mpath+id+"/signal", map[string]any{"signal": "SIGTERM"})
		}, []string{"started", "starting", "started"}, "start started"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Options{})
			id := b.add(1, MachineSpec{State: tt.from})[0]
			tt.do(b, id)
			if d := cmp.Diff(tt.want, b.states(id, 50*time.Millisecond, 60)); d != "" {
				t.Error("states (-want +got):\n", d)
			}
			e := b.machine(id).Events[0]
			if got := e.Type + " " + e.Status; got != tt.event {
				t.Errorf("newest event: got %q, want %q", got, tt.event)
			}
		})
	}
}

func TestWrongStateIsRefused(t *testing.T) {
	b := newBench(t, Options{})
	up := b.add(1, MachineSpec{})[0]
	down := b.add(1, MachineSpec{State: fly.StateStopped})[0]
	b.want(412, "POST", mpath+up+"/start", nil)
	b.want(412, "DELETE", mpath+up, nil)
	b.want(412, "POST", mpath+down+"/restart", nil)
	b.want(412, "POST", mpath+down+"/suspend", nil)
	b.want(412, "GET", mpath+down+"/ps", nil)
	b.want(412, "POST", mpath+down+"/exec", map[string]any{"cmd": "uptime"})
	b.want(200, "POST", mpath+down+"/stop", nil)
	b.want(200, "DELETE", mpath+down, nil)
	b.forward(time.Minute)
	b.want(404, "POST", mpath+down+"/start", nil)
	b.want(404, "GET", mpath+"00000000000000", nil)
	b.want(404, "GET", "/v1/apps/other/machines", nil)
	b.want(404, "GET", "/v1/nowhere", nil)
	b.want(404, "PUT", mpath+up, nil)
	b.want(400, "POST", mpath+up, "{")
	b.want(400, "POST", mpath+up, map[string]any{"config": map[string]any{}})
	b.want(400, "POST", mpath+up, map[string]any{"config": configFor("a:1"), "region": "fra"})
}

func TestUpdateKeepsTheWholeConfigAndMakesAVersion(t *testing.T) {
	b := newBench(t, Options{})
	id := b.add(1, MachineSpec{})[0]
	before := b.machine(id)
	up := b.want(200, "POST", mpath+id, map[string]any{"config": configFor("registry.fly.io/changelog:v2"), "current_version": before.InstanceID})
	if up.get("config", "unknown_to_us", "kept") != true {
		t.Error("config lost what the platform does not know:", up.text)
	}
	version, _ := up.get("instance_id").(string)
	if version == before.InstanceID || len(version) != 26 || version <= before.InstanceID {
		t.Errorf("version %q after %q", version, before.InstanceID)
	}
	b.forward(time.Minute)
	b.want(409, "POST", mpath+id, map[string]any{"config": configFor("a:1"), "current_version": before.InstanceID})
	now := b.machine(id)
	if now.ImageRef.Tag != "v2" || now.ImageRef.Repository != "changelog" || now.ImageRef.Digest == before.ImageRef.Digest {
		t.Errorf("image is %+v", now.ImageRef)
	}
	var versions []any
	versions, _ = b.want(200, "GET", mpath+id+"/versions", nil).json.([]any)
	if len(versions) != 2 || versions[0].(map[string]any)["version"] != version {
		t.Errorf("versions are %v", versions)
	}
	old := b.want(200, "GET", mpath+id+"?version="+before.InstanceID, nil)
	if old.get("instance_id") != before.InstanceID || old.get("config", "unknown_to_us") != nil {
		t.Error("old version is", old.text)
	}
	b.want(404, "GET", mpath+id+"?version=nothing", nil)
}

// Clients take the newest exit for the machine's latest news: without that of the process which a request ended, they would
// see a crash of the release before.
func TestARequestEndsTheProcessThatRan(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		body       any
		crashes    bool
		want       []string // newest first; of what the request begins
	}{
		{"update", "", map[string]any{"config": configFor("a/b:2")}, false, []string{"start started", "start starting", "launch created", "exit stopped", "update replacing"}},
		{"update between two crashes", "", map[string]any{"config": configFor("a/b:2")}, true, []string{"start started", "start starting", "launch created", "update replacing"}},
		{"update without a start", "", map[string]any{"config": configFor("a/b:2"), "skip_launch": true}, false, []string{"update stopped", "exit stopped", "update replacing"}},
		{"restart", "/restart", nil, false, []string{"start started", "start starting", "exit stopped", "restart restarting"}},
		{"stop", "/stop", nil, false, []string{"exit stopped", "stop stopping"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Options{})
			id := b.add(1, MachineSpec{})[0]
			if tt.crashes {
				b.fault("crash-loop " + id + " up=1s wait=1h")
				b.forward(time.Minute)
				if err := b.w.ClearFault("crash-loop"); err != nil {
					t.Fatal(err)
				}
			}
			b.want(200, "POST", mpath+id+tt.path, tt.body)
			b.forward(time.Minute)
			ee := b.machine(id).Events
			var got []string
			for i, e := range ee[:min(len(tt.want), len(ee))] {
				got = append(got, e.Type+" "+e.Status)
				if x := e.Exit(); x != nil && (!x.RequestedStop || x.Restarting || x.ExitCode != 0 || x.ExitedAt.IsZero() || e.Source != byFlyd) {
					t.Errorf("event %d: %+v, from %s", i, x, e.Source)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChecksFollowTheInstance(t *testing.T) {
	b := newBench(t, Options{Delays: Delays{Start: time.Second, Boot: 4 * time.Second, Replace: time.Second, Check: time.Second}})
	id := b.add(1, MachineSpec{})[0]
	b.want(200, "POST", mpath+id, map[string]any{"config": configFor("a/b:2")})
	check := func() string {
		c := b.machine(id).Checks
		if len(c) != 1 || c[0].Name != "servicecheck-00-http-4000" {
			t.Fatalf("checks are %+v", c)
		}
		return c[0].Status + ": " + c[0].Output
	}
	steps := []struct {
		after time.Duration
		want  string
	}{
		{0, "warning: the machine hasn't started"},
		{2500 * time.Millisecond, "warning: Get"},   // started, within its grace period
		{2 * time.Second, "critical: Get"},          // grace period over, still booting
		{2 * time.Second, `passing: 200 OK Output`}, // booted
	}
	for i, s := range steps {
		b.forward(s.after)
		if got := check(); !strings.HasPrefix(got, s.want) {
			t.Errorf("step %d: got %q, want %q…", i, got, s.want)
		}
	}
	since := b.machine(id).Checks[0].UpdatedAt
	b.forward(time.Hour)
	if got := b.machine(id).Checks[0].UpdatedAt; !got.Equal(*since) {
		t.Errorf("updated_at moved without a change: %v, %v", since, got)
	}
	if err := b.w.SetBehaviour(id, Behaviour{Health: 503}); err != nil {
		t.Fatal(err)
	}
	if got := check(); !strings.HasPrefix(got, "passing") {
		t.Errorf("noticed at once: %q", got)
	}
	b.forward(2 * time.Second)
	if got := check(); !strings.HasPrefix(got, "critical: 503 Service Unavailable") {
		t.Errorf("got %q", got)
	}
}

func TestReleaseCommandMachineEndsAndIsDestroyed(t *testing.T) {
	b := newBench(t, Options{Job: func(i Instance, command []string) (time.Duration, int) {
		if d := cmp.Diff([]string{"/app/bin/migrate"}, command); d != "" || i.Group != "fly_app_release_command" {
			t.Errorf("job of %+v: %s", i, d)
		}
		return 3 * time.Second, 7
	}})
	made := b.want(200, "POST", "/v1/apps/changelog/machines", map[string]any{
		"region": "ord", "skip_launch": true, "config": map[string]any{
			"image": "a/b:2", "auto_destroy": true, "restart": map[string]any{"policy": "no"}, "init": map[string]any{"cmd": []string{"/app/bin/migrate"}},
			"metadata": map[string]string{"fly_process_group": "fly_app_release_command"}, "dns": map[string]any{"skip_registration": true},
		},
	})
	id := made.get("id").(string)
	if d := cmp.Diff([]string{"created", "stopped"}, b.states(id, time.Second, 5)); d != "" {
		t.Error("skip_launch:", d)
	}
	b.want(200, "POST", mpath+id+"/start", nil)
	if d := cmp.Diff([]string{"starting", "started", "stopped", "destroying", "destroyed"}, b.states(id, 50*time.Millisecond, 200)); d != "" {
		t.Error("states (-want +got):\n", d)
	}
	i := slices.IndexFunc(b.machine(id).Events, func(e fly.Event) bool { return e.Exit() != nil })
	if x := b.machine(id).Events[i].Exit(); x.ExitCode != 7 || x.Restarting || x.RequestedStop {
		t.Errorf("exit is %+v", x)
	}
	if strings.Contains(b.want(200, "GET", "/v1/apps/changelog/machines", nil).text, id) {
		t.Error("still listed")
	}
	if !strings.Contains(b.want(200, "GET", "/v1/apps/changelog/machines?include_deleted=true", nil).text, id) {
		t.Error("not listed with include_deleted")
	}
}

func TestListFiltersAndPages(t *testing.T) {
	b := newBench(t, Options{})
	b.add(4, MachineSpec{}, "ord", "iad")
	b.add(3, MachineSpec{Region: "fra", Group: "worker", State: fly.StateStopped, Metadata: map[string]string{"role": "x"}})
	count := func(query string) int {
		list, ok := b.want(200, "GET", "/v1/apps/changelog/machines"+query, nil).json.([]any)
		if !ok {
			t.Fatal("no list")
		}
		return len(list)
	}
	for query, want := range map[string]int{
		"": 7, "?region=iad": 2, "?state=stopped": 3, "?state=stopped,started": 7, "?state=started&state=suspended": 4,
		"?metadata.role=x": 3, "?metadata.role=y": 0, "?region=fra&state=started": 0, "?summary=true": 7, "?limit=5": 5, "?limit=1000": 7,
	} {
		if got := count(query); got != want {
			t.Errorf("%q: got %d, want %d", query, got, want)
		}
	}
	var got []string
	query := "?limit=3"
	pages := 0
	for {
		a := b.want(200, "GET", "/v1/apps/changelog/machines"+query, nil)
		for _, m := range a.json.([]any) {
			got = append(got, m.(map[string]any)["id"].(string))
		}
		pages++
		next := a.header.Get("fly-next-cursor")
		if next == "" {
			break
		}
		query = "?limit=3&cursor=" + next
	}
	var want []string
	for _, i := range b.w.Instances() {
		want = append(want, i.ID)
	}
	if d := cmp.Diff(want, got); d != "" || pages != 3 {
		t.Errorf("%d pages (-want +got):\n%s", pages, d)
	}
	b.want(400, "GET", "/v1/apps/changelog/machines?limit=0", nil)
	b.want(400, "GET", "/v1/apps/changelog/machines?limit=5000", nil)
	b.want(400, "GET", "/v1/apps/changelog/machines?cursor=%21", nil)
	if got := b.want(200, "GET", "/v1/apps/changelog", nil).get("machine_count"); got != 7.0 {
		t.Errorf("machine_count is %v", got)
	}
	org := b.want(200, "GET", "/v1/orgs/changelog-media/machines?limit=5", nil)
	if n := len(org.get("machines").([]any)); n != 5 || org.get("next_cursor") == "" {
		t.Errorf("org list has %d machines, cursor %v", n, org.get("next_cursor"))
	}
}

func TestLeases(t *testing.T) {
	b := newBench(t, Options{Token: "fo1_test", User: fly.User{Email: "one@example.com"}})
	b.w.AddUser(fly.User{Email: "two@example.com"}, "fo1_two")
	id := b.add(1, MachineSpec{})[0]
	lease := mpath + id + "/lease"
	b.want(404, "GET", lease, nil)
	got := b.want(201, "POST", lease+"?ttl=13", nil)
	nonce, _ := got.get("data", "nonce").(string)
	if nonce == "" || got.get("data", "owner") != "one@example.com" || got.get("status") != "success" {
		t.Fatal("lease is", got.text)
	}
	if exp := got.get("data", "expires_at"); exp != float64(b.now().Add(13*time.Second).Unix()) {
		t.Errorf("expires_at is %v", exp)
	}
	held := b.want(409, "POST", lease, map[string]any{"ttl": 30}, "Authorization", "Bearer fo1_two")
	want := "failed to get lease: lease currently held by one@example.com, expires at 2026-03-04T05:06:20Z"
	if held.get("error") != want {
		t.Errorf("got %q, want %q", held.get("error"), want)
	}
	for _, path := range []string{"/stop", "/restart", "/cordon", "/suspend", ""} {
		a := b.want(409, "POST", mpath+id+path, map[string]any{"value": "v", "config": configFor("a:1")})
		if !strings.Contains(a.text, "lease currently held by one@example.com") {
			t.Errorf("%s: %s", path, a.text)
		}
	}
	b.want(204, "POST", mpath+id+"/metadata/k", map[string]any{"value": "v"})
	b.want(409, "DELETE", mpath+id+"?kill=true", nil)
	b.want(409, "DELETE", lease, nil, "fly-machine-lease-nonce", "wrong")
	if strings.Contains(b.want(200, "GET", lease, nil).text, nonce) {
		t.Error("the nonce is told to everybody")
	}
	list := b.want(200, "GET", "/v1/apps/changelog/machines?include_leases=true", nil)
	if !strings.Contains(list.text, `"lease":{"expires_at"`) || strings.Contains(list.text, nonce) {
		t.Error("list with leases is", list.text)
	}
	b.want(200, "POST", mpath+id+"/cordon", nil, "fly-machine-lease-nonce", nonce)
	b.forward(10 * time.Second)
	b.want(200, "POST", lease+"?ttl=13", nil, "fly-machine-lease-nonce", nonce)
	b.forward(10 * time.Second)
	b.want(409, "POST", mpath+id+"/uncordon", nil)
	b.want(200, "DELETE", lease, nil, "fly-machine-lease-nonce", nonce)
	b.want(404, "DELETE", lease, nil, "fly-machine-lease-nonce", nonce)
	b.want(201, "POST", lease, map[string]any{"ttl": 5, "description": "deploy"})
	b.forward(6 * time.Second)
	b.want(200, "POST", mpath+id+"/uncordon", nil)
	made := b.want(200, "POST", "/v1/apps/changelog/machines", map[string]any{"config": configFor("a:1"), "lease_ttl": 20})
	if made.get("nonce") == "" {
		t.Error("no nonce after a create with lease_ttl")
	}
	b.want(409, "POST", mpath+made.get("id").(string)+"/cordon", nil)
}

func TestMetadata(t *testing.T) {
	b := newBench(t, Options{})
	id := b.add(1, MachineSpec{})[0]
	version := b.machine(id).InstanceID
	md := mpath + id + "/metadata"
	b.want(204, "POST", md+"/colour", map[string]any{"value": "green"})
	b.want(204, "PATCH", md, map[string]any{"metadata": map[string]any{"colour": nil, "tag": "x"}, "machine_version": version})
	b.want(412, "PATCH", md, map[string]any{"metadata": map[string]any{"tag": "y"}, "machine_version": "other"})
	got := b.want(200, "GET", md, nil)
	if got.get("tag") != "x" || got.get("colour") != nil || got.get("fly_process_group") != "app" {
		t.Error("metadata is", got.text)
	}
	b.want(204, "DELETE", md+"/tag", nil)
	if m := b.machine(id); m.InstanceID != version || m.State != fly.StateStarted || m.Config.Metadata["tag"] != "" {
		t.Errorf("machine is %+v", m)
	}
	b.want(400, "POST", md+"/k", "{}")
}

func TestWait(t *testing.T) {
	b := newBench(t, Options{})
	id := b.add(1, MachineSpec{State: fly.StateStopped})[0]
	wait := func(query string) func() answer {
		return func() answer { return b.do("GET", mpath+id+"/wait"+query, nil) }
	}
	a := b.in(wait("?state=started&timeout=3"))
	if a.status != 408 || a.get("error") != "machine failed to reach desired state, started, currently stopped" {
		t.Errorf("got %d %s", a.status, a.text)
	}
	last := b.machine(id).Events[0].ID
	b.want(200, "POST", mpath+id+"/start", nil)
	a = b.in(wait("?state=started&timeout=60&from_event_id=" + last))
	if a.status != 200 || a.get("ok") != true || a.get("state") != "started" || a.get("version") != b.machine(id).InstanceID {
		t.Errorf("got %d %s", a.status, a.text)
	}
	if id := a.get("event_id"); id != b.machine(b.w.Instances()[0].ID).Events[0].ID {
		t.Errorf("event_id is %v", id)
	}
	up := b.want(200, "POST", mpath+id, map[string]any{"config": configFor("a/b:2")})
	a = b.in(wait(fmt.Sprintf("?state=started&version=%s", up.get("version"))))
	if a.status != 200 || a.get("version") != up.get("version") {
		t.Errorf("got %d %s", a.status, a.text)
	}
	if a = b.in(wait("?state=started&version=01ARZ3NDEKTSV4RRFFQ69G5FAV&timeout=2")); a.status != 408 {
		t.Errorf("of another version: got %d %s", a.status, a.text)
	}
	if a = b.in(wait("?state=stopped,settled&timeout=2")); a.status != 200 {
		t.Errorf("settled: got %d %s", a.status, a.text)
	}
	b.want(400, "GET", mpath+id+"/wait?state=dancing", nil)
	b.want(400, "GET", mpath+id+"/wait?timeout=900", nil)
	b.want(200, "DELETE", mpath+id+"?kill=true", nil)
	if a = b.in(wait("?state=started&timeout=60")); a.status != 404 {
		t.Errorf("destroyed while waiting: got %d %s", a.status, a.text)
	}
	if a = b.in(wait("?state=destroyed&timeout=60")); a.status != 200 {
		t.Errorf("destroyed: got %d %s", a.status, a.text)
	}
}

func TestRateLimit(t *testing.T) {
	b := newBench(t, Options{RateLimit: true})
	ids := b.add(2, MachineSpec{})
	for range 3 {
		b.want(200, "POST", mpath+ids[0]+"/cordon", nil)
	}
	a := b.want(429, "POST", mpath+ids[0]+"/cordon", nil)
	if a.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
	b.want(200, "POST", mpath+ids[1]+"/cordon", nil)
	b.forward(time.Second)
	b.want(200, "POST", mpath+ids[0]+"/cordon", nil)
	for range 10 {
		b.want(200, "GET", mpath+ids[0], nil)
	}
	b.want(429, "GET", mpath+ids[0], nil)
	b.w.SetRateLimit(false)
	b.want(200, "GET", mpath+ids[0], nil)
}

func TestVolumesSecretsAndPlaces(t *testing.T) {
	b := newBench(t, Options{})
	vid, err := b.w.AddVolume(VolumeSpec{Region: "iad", Snapshots: 3})
	if err != nil {
		t.Fatal(err)
	}
	vol := "/v1/apps/changelog/volumes/" + vid
	cfg := configFor("a/b:1")
	cfg["mounts"] = []any{map[string]any{"volume": vid, "path": "/data"}}
	b.want(400, "POST", "/v1/apps/changelog/machines", map[string]any{"region": "ord", "config": cfg})
	id := b.want(200, "POST", "/v1/apps/changelog/machines", map[string]any{"region": "iad", "config": cfg}).get("id").(string)
	if got := b.want(200, "GET", vol, nil).get("attached_machine_id"); got != id {
		t.Errorf("attached to %v, want %s", got, id)
	}
	b.want(412, "POST", "/v1/apps/changelog/machines", map[string]any{"region": "iad", "config": cfg})
	b.want(412, "DELETE", vol, nil)
	snap := b.want(200, "POST", vol+"/snapshots", nil).get("id")
	b.forward(time.Minute)
	ss := b.want(200, "GET", vol+"/snapshots", nil).json.([]any)
	if len(ss) != 4 || ss[0].(map[string]any)["id"] != snap || ss[0].(map[string]any)["status"] != "created" {
		t.Errorf("snapshots are %v", ss)
	}
	b.want(200, "POST", "/v1/apps/changelog/volumes", map[string]any{"name": "restored", "region": "iad", "snapshot_id": snap})
	b.want(200, "PUT", vol+"/extend", map[string]any{"size_gb": 9})
	b.want(400, "PUT", vol+"/extend", map[string]any{"size_gb": 1})
	b.want(200, "DELETE", mpath+id+"?force=true", nil)
	b.forward(time.Minute)
	if got := b.want(200, "GET", vol, nil).get("attached_machine_id"); got != nil {
		t.Errorf("still attached to %v", got)
	}

	if v := b.want(200, "POST", "/v1/apps/changelog/secrets", map[string]any{"values": map[string]any{"A": "1", "B": "2"}}).get("version"); v != 1.0 {
		t.Errorf("secrets version is %v", v)
	}
	b.want(200, "POST", "/v1/apps/changelog/secrets", map[string]any{"values": map[string]any{"B": nil}})
	list := b.want(200, "GET", "/v1/apps/changelog/secrets", nil)
	if strings.Contains(list.text, `"value"`) || len(list.get("secrets").([]any)) != 1 {
		t.Error("secrets are", list.text)
	}
	b.want(412, "POST", "/v1/apps/changelog/machines", map[string]any{"config": configFor("a:1"), "min_secrets_version": 9})

	regions := b.want(200, "GET", "/v1/platform/regions", nil).get("regions").([]any)
	if len(regions) < 18 {
		t.Errorf("only %d regions", len(regions))
	}
	b.want(200, "POST", "/v1/platform/placements", map[string]any{"org_slug": "changelog-media", "region": "ord", "count": 2})
}

func TestReleasesAndLogsOverREST(t *testing.T) {
	b := newBench(t, Options{})
	for v := 39; v <= 41; v++ {
		if _, err := b.w.AddRelease(ReleaseSpec{Version: v}); err != nil {
			t.Fatal(err)
		}
	}
	made := b.want(201, "POST", "/api/v1/releases", map[string]any{
		"app_name": "changelog", "image": "registry.fly.io/changelog:v42", "strategy": "ROLLING", "definition": map[string]any{"app": "changelog"}, "build_id": 1,
	})
	id, _ := made.get("release", "id").(string)
	if made.get("release", "version") != 42.0 || made.get("release", "in_progress") != true {
		t.Error("release is", made.text)
	}
	b.want(200, "PATCH", "/api/v1/releases/"+id, map[string]any{"status": "complete", "metadata": nil})
	b.want(400, "PATCH", "/api/v1/releases/"+id, map[string]any{"status": "sideways"})
	b.want(404, "PATCH", "/api/v1/releases/nothing", map[string]any{"status": "complete"})
	if got := b.want(200, "GET", "/api/v1/apps/changelog/releases/current", nil); got.get("version") != 42.0 || got.get("stable") != true {
		t.Error("current is", got.text)
	}
	if n := len(b.want(200, "GET", "/api/v1/apps/changelog/releases?limit=2", nil).get("releases").([]any)); n != 2 {
		t.Errorf("got %d releases, want 2", n)
	}
	for i := range 250 {
		if err := b.w.AddLog(LogLine{Level: "info", Provider: "app", Message: fmt.Sprint("line ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	token, seen := "", 0
	for range 4 {
		a := b.want(200, "GET", "/api/v1/apps/changelog/logs?next_token="+token, nil)
		seen += len(a.get("data").([]any))
		token, _ = a.get("meta", "next_token").(string)
		if err := b.w.AddLog(LogLine{Level: "info", Provider: "app", Message: "more"}); err != nil {
			t.Fatal(err)
		}
	}
	if seen != 103 {
		t.Errorf("saw %d lines, want the newest 100 and 3 more", seen)
	}
}

func TestTokens(t *testing.T) {
	b := newBench(t, Options{Token: "fo1_good"})
	for header, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer fo1_bad": 401, "Basic fo1_good": 401, "fo1_good": 401,
		"Bearer fo1_good": 200, "bearer fo1_good": 200, "FlyV1 fm2_x,fo1_good": 200, "Bearer FlyV1 fo1_good": 200,
	} {
		if a := b.do("GET", "/v1/apps/changelog", nil, "Authorization", header); a.status != want {
			t.Errorf("%q: got %d, want %d", header, a.status, want)
		} else if a.header.Get("fly-request-id") == "" {
			t.Errorf("%q: no request id", header)
		}
	}
	a := b.want(200, "POST", "/graphql", map[string]any{"query": "{viewer{__typename}}"})
	if !strings.Contains(a.text, `"code":"UNAUTHORIZED"`) || !strings.Contains(a.text, `"data":null`) {
		t.Error("GraphQL without a token:", a.text)
	}
}
