package flyplan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
)

const flyToml = `app = "changelog"
primary_region = "ord"
kill_signal = "SIGTERM"
kill_timeout = "30s"
[deploy]
strategy = "rolling"
release_command = "/app/bin/migrate --quiet 'two words'"
release_command_timeout = "10m"
max_unavailable = 0.5
[env]
PHX_HOST = "changelog.com"
[processes]
app = "/app/bin/server"
worker = "/app/bin/worker"
[http_service]
internal_port = 4000
force_https = true
auto_stop_machines = "off"
processes = ["app"]
[http_service.concurrency]
type = "connections"
hard_limit = 2500
soft_limit = 2000
[[http_service.checks]]
interval = "5s"
timeout = "4s"
grace_period = "30s"
method = "GET"
path = "/health"
[checks.db]
type = "http"
port = 4000
path = "/health/db"
processes = ["app"]
[[vm]]
size = "shared-cpu-2x"
`

func file(t *testing.T, text string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse("fly.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func machine(t *testing.T, id, region, group string, change func(map[string]any)) fly.Machine {
	t.Helper()
	c := map[string]any{
		"image":    "registry.fly.io/changelog:deployment-41",
		"env":      map[string]string{"PHX_HOST": "old.example.com", "GONE": "1", "BY_HAND": "kept"},
		"guest":    fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: 1024},
		"metadata": map[string]string{"fly_process_group": group, "fly_release_version": "41", "managed": "yes", "fly_canary": "true"},
		"rootfs":   map[string]any{"persist": "always"},
		"services": []any{map[string]any{
			"protocol": "tcp", "internal_port": 4000, "force_instance_key": "x", "min_machines_running": 2,
			"ports": []any{map[string]any{"port": 443, "handlers": []string{"http", "tls"}, "tls_options": map[string]any{"alpn": []string{"h2"}}}},
		}},
	}
	if group == "worker" {
		delete(c, "services")
	}
	if change != nil {
		change(c)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	m := fly.Machine{ID: id, Region: region, State: fly.StateStarted, HostStatus: fly.HostOK, InstanceID: "01" + id, ImageRef: fly.ImageRef{Digest: "sha256:old"}}
	m.Config = &fly.MachineConfig{}
	if err := json.Unmarshal(raw, m.Config); err != nil {
		t.Fatal(err)
	}
	return m
}

func input(t *testing.T, mm ...fly.Machine) Input {
	t.Helper()
	d, err := Definition([]byte(flyToml))
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		ID: "01JDEPLOY", App: "changelog", By: "ana@laptop", At: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Machines: mm, File: file(t, flyToml), Definition: d,
		Previous: json.RawMessage(`{"env":{"PHX_HOST":"old.example.com","GONE":"1"},"vm":[{"size":"shared-cpu-1x"}]}`),
		Artifact: deploy.Artifact{Image: "registry.fly.io/changelog:deployment-42", Digest: "sha256:new"},
	}
}

func fleet(t *testing.T) []fly.Machine {
	t.Helper()
	return []fly.Machine{
		machine(t, "a", "ord", "app", nil), machine(t, "b", "lhr", "app", nil), machine(t, "c", "lhr", "app", nil), machine(t, "d", "syd", "app", nil),
		machine(t, "w", "ord", "worker", nil),
		machine(t, "r", "ord", "fly_app_release_command", nil),
	}
}

func TestADeploymentIsPlanned(t *testing.T) {
	p, notes, err := Deploy(input(t, fleet(t)...))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, x := range p.Targets {
		order = append(order, x.Machine)
	}
	if d := cmp.Diff([]string{"b", "c", "d", "a", "w"}, order); d != "" {
		t.Errorf("the order: %s", d)
	}
	if d := cmp.Diff([]deploy.Group{{Name: "app", MaxUnavailable: 2}, {Name: "worker", MaxUnavailable: 1}}, p.Groups); d != "" {
		t.Error(d)
	}
	if p.Strategy != deploy.StrategyRolling || p.From.Release != 41 || p.From.Digest != "sha256:old" {
		t.Errorf("got %s from %+v", p.Strategy, p.From)
	}
	if p.Timings.Grace != 30*time.Second || p.Timings.Drain != 30*time.Second || p.Timings.Poll != deploy.DefaultTimings().Poll {
		t.Errorf("timings %+v", p.Timings)
	}
	if p.Targets[0].Checks != 2 || p.Targets[4].Checks != 0 || p.Targets[0].AutoStop {
		t.Errorf("targets %+v", p.Targets[0])
	}
	if d := cmp.Diff([]string{"[vm] of fly.toml changed since the last release; machines keep what they have of it (`fly deploy` applies it)"}, notes); d != "" {
		t.Error(d)
	}
}

func TestConfigurationsAreWhatRunsWithTheFileOverIt(t *testing.T) {
	p, _, err := Deploy(input(t, fleet(t)...))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]string{
		0: `{"checks":{"db":{"path":"/health/db","port":4000,"type":"http"}},
			"env":{"BY_HAND":"kept","FLY_PROCESS_GROUP":"app","PHX_HOST":"changelog.com","PRIMARY_REGION":"ord"},
			"guest":{"cpu_kind":"shared","cpus":2,"memory_mb":1024},"image":"registry.fly.io/changelog:deployment-42","init":{"cmd":["/app/bin/server"]},
			"metadata":{"fly_platform_version":"v2","fly_process_group":"app","fly_release_version":"41","managed":"yes"},"rootfs":{"persist":"always"},
			"services":[{"autostop":"off","checks":[{"grace_period":"30s","interval":"5s","method":"GET","path":"/health","timeout":"4s","type":"http"}],
			"concurrency":{"type":"connections","hard_limit":2500,"soft_limit":2000},"force_instance_key":"x","internal_port":4000,"min_machines_running":0,
			"ports":[{"force_https":true,"handlers":["http"],"port":80},{"handlers":["http","tls"],"port":443,"tls_options":{"alpn":["h2"]}}],"protocol":"tcp"}],
			"stop_config":{"signal":"SIGTERM","timeout":"30s"}}`,
		4: `{"env":{"BY_HAND":"kept","FLY_PROCESS_GROUP":"worker","PHX_HOST":"changelog.com","PRIMARY_REGION":"ord"},
			"guest":{"cpu_kind":"shared","cpus":2,"memory_mb":1024},"image":"registry.fly.io/changelog:deployment-42","init":{"cmd":["/app/bin/worker"]},
			"metadata":{"fly_platform_version":"v2","fly_process_group":"worker","fly_release_version":"41","managed":"yes"},"rootfs":{"persist":"always"},
			"stop_config":{"signal":"SIGTERM","timeout":"30s"}}`,
	} {
		var got, w any
		if err := json.Unmarshal(p.Targets[i].Config, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &w); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(w, got); d != "" {
			t.Errorf("%s: %s", p.Targets[i].Machine, d)
		}
		if strings.Contains(string(p.Targets[i].Prev.Config), "deployment-42") {
			t.Error("the configuration before was changed")
		}
	}
}

func TestTheReleaseCommandHasAMachineOfItsOwn(t *testing.T) {
	in := input(t, fleet(t)...)
	in.Old = deploy.Eligibility{Able: deploy.Unable, Reason: "podcasts.slug is dropped"}
	p, _, err := Deploy(in)
	if err != nil {
		t.Fatal(err)
	}
	c := p.Command
	if c == nil || c.Region != "ord" || c.Timeout != 10*time.Minute || p.Old.Able != deploy.Unable {
		t.Fatalf("got %+v", c)
	}
	want := `{"auto_destroy":true,"dns":{"skip_registration":true},"env":{"FLY_PROCESS_GROUP":"fly_app_release_command","PHX_HOST":"changelog.com","PRIMARY_REGION":"ord","RELEASE_COMMAND":"1"},` +
		`"guest":{"cpu_kind":"shared","cpus":2,"memory_mb":1024},"image":"registry.fly.io/changelog:deployment-42","init":{"cmd":["/app/bin/migrate","--quiet","two words"]},` +
		`"metadata":{"fly_platform_version":"v2","fly_process_group":"fly_app_release_command"},"restart":{"policy":"no"},"stop_config":{"signal":"SIGTERM","timeout":"30s"}}`
	if d := cmp.Diff(want, string(c.Config)); d != "" {
		t.Error(d)
	}
	in.NoCommand = true
	p, _, err = Deploy(in)
	if err != nil || p.Command != nil || p.Old.Able != deploy.Able {
		t.Errorf("without one: %+v, %v", p.Old, err)
	}
}

func TestARollbackGivesBackWhatThePlatformRemembers(t *testing.T) {
	old := func(n int) fly.MachineVersion {
		m := machine(t, "x", "ord", "app", func(c map[string]any) {
			c["env"] = map[string]string{"PHX_HOST": fmt.Sprintf("v%d.example.com", n)}
			c["metadata"] = map[string]string{"fly_process_group": "app", "fly_release_version": fmt.Sprint(n)}
		})
		return fly.MachineVersion{Version: fmt.Sprint(n), Config: *m.Config}
	}
	in := input(t, machine(t, "a", "ord", "app", nil), machine(t, "b", "lhr", "app", nil))
	in.Artifact.Image = "registry.fly.io/changelog:deployment-40"
	p, notes, err := Rollback(in, 40, map[string][]fly.MachineVersion{"a": {old(41), old(40), old(39)}, "b": {old(41)}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Kind != deploy.KindRollback || p.Command != nil || p.Old.Able != deploy.Able {
		t.Errorf("got %+v", p)
	}
	for _, x := range p.Targets {
		var c fly.MachineConfig
		if err := json.Unmarshal(x.Config, &c); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"a": "v40.example.com", "b": "old.example.com"}[x.Machine]
		if c.Env["PHX_HOST"] != want || c.Image != in.Artifact.Image {
			t.Errorf("%s: %s with %v", x.Machine, c.Image, c.Env)
		}
	}
	if !strings.Contains(strings.Join(notes, "\n"), "of release v40 for b:") {
		t.Errorf("notes %q", notes)
	}
}

func TestWhatIsNotPlanned(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		want   string
	}{
		"no machines":   {func(in *Input) { in.Machines = nil }, "no machines"},
		"no digest":     {func(in *Input) { in.Artifact.Digest = "" }, "digest"},
		"lost host":     {func(in *Input) { in.Machines[1].HostStatus = fly.HostUnreachable; in.Machines[1].Config = nil }, "cannot be looked at"},
		"another group": {func(in *Input) { in.Machines = append(in.Machines, machine(t, "x", "ord", "cron", nil)) }, `"cron"`},
		"a canary that was left": {func(in *Input) {
			in.Machines[1].Config.Metadata[deploy.TagKey] = "01JOLD:canary:app"
		}, "deployment 01JOLD has not ended, and machines that it made stand beside the old ones: go on with it (`ops-console resume`, here too once nobody holds its machines); where that cannot be, the new ones have had no traffic: destroy b with"},
		"new machines without traffic": {func(in *Input) {
			in.Machines[0].Config.Metadata[deploy.TagHead] = deploy.Head{Deploy: "01JOLD", Holder: "ben@desk", Phase: deploy.GreenUp, Image: "x"}.String()
			in.Machines[1].Config.Metadata[deploy.TagKey], in.Machines[1].Cordoned = "01JOLD:green:a", true
		}, "deployment 01JOLD of ben@desk has not ended, and machines that it made stand beside the old ones: go on with it (`ops-console resume`, here too once nobody holds its machines); where that cannot be, the new ones have had no traffic: destroy b with"},
		"new machines with traffic": {func(in *Input) {
			in.Machines[1].Config.Metadata[deploy.TagKey] = "01JOLD:green:a"
			in.Machines[2].Config.Metadata[deploy.TagKey], in.Machines[2].Cordoned = "01JOLD:green:d", true
		}, "traffic goes to the new ones but for c (`fly machine uncordon`): destroy a d with"},
		"empty command": {func(in *Input) { in.File.Deploy.ReleaseCommand = "  " }, "no words"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(t, fleet(t)...)
			c.change(&in)
			if _, _, err := Deploy(in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWhatIsOddIsSaid(t *testing.T) {
	mm := fleet(t)
	mm[0].ImageRef.Digest = "sha256:older"
	mm[1].Cordoned = true
	mm[2].Checks = []fly.CheckStatus{{Name: "x", Status: fly.CheckCritical}}
	mm[3].State = fly.StateStopped
	in := input(t, mm...)
	in.Strategy = deploy.StrategyBlueGreen
	mm[0].Config.Metadata[deploy.TagHead] = deploy.Head{Deploy: "01JOLD", Seq: 7, Holder: "ben@desk", Phase: deploy.Rolling, Image: "x:40"}.String()
	mm[1].Config.Metadata[deploy.TagKey] = "01JBEFORE:green:gone"
	in.Previous = nil
	in.MaxUnavailable = 3
	p, notes, err := Deploy(in)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{
		"mixed: 4 of 5", "b in lhr is cordoned", "c in lhr is not healthy", `group "worker" has no health checks`,
		"deployment 01JOLD of ben@desk has not ended: it was rolling when it was heard of last, bringing out x:40",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q:\n%s", want, all)
		}
	}
	for _, x := range p.Targets {
		if x.Try != (x.Machine == "d") {
			t.Errorf("%s: try %v", x.Machine, x.Try)
		}
	}
	if p.Groups[0].MaxUnavailable != 3 {
		t.Errorf("groups %+v", p.Groups)
	}
}

func TestWhatIsOnItsWayUpIsToRun(t *testing.T) {
	for state, want := range map[string]deploy.MachineState{
		fly.StateStarted: deploy.Started, fly.StateStarting: deploy.Started, fly.StateReplacing: deploy.Started, fly.StateRestarting: deploy.Started,
		fly.StateStopping: deploy.Stopped, fly.StateSuspending: deploy.Stopped, fly.StateStopped: deploy.Stopped, fly.StateCreated: deploy.Stopped,
		fly.StateFailed: deploy.Failed,
	} {
		m := machine(t, "a", "ord", "app", nil)
		m.State = state
		p, _, err := Deploy(input(t, m))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Targets[0]; got.Prev.State != want || got.Prev.Healthy != (state == fly.StateStarted) || got.Try != (want != deploy.Started) {
			t.Errorf("%s: got %s, healthy %t, try %t", state, got.Prev.State, got.Prev.Healthy, got.Try)
		}
	}
}

func TestDurationsAsThePlatformWritesThem(t *testing.T) {
	for d, want := range map[time.Duration]string{30 * time.Second: "30s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h", 1500 * time.Millisecond: "1.5s"} {
		if got := text(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestTheFirstMachineOfAGroup(t *testing.T) {
	in := input(t)
	raw, err := First(in, "app", "rel41")
	if err != nil {
		t.Fatal(err)
	}
	var c fly.MachineConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	if c.Image != in.Artifact.Image || c.Guest == nil || *c.Guest != (fly.Guest{CPUKind: "shared", CPUs: 2, MemoryMB: 512}) || countChecks(&c) != 2 ||
		c.Env["PHX_HOST"] != "changelog.com" || c.Metadata[fly.MetaReleaseID] != "rel41" || c.Metadata[fly.MetaProcessGroup] != "app" {
		t.Errorf("got %s", raw)
	}
	if _, err := First(in, "cron", ""); err == nil {
		t.Error("a group of which nothing is known")
	}
	for text, want := range map[string]int{"512": 512, "512mb": 512, "1gb": 1024, " 2 GB ": 2048, "": 0, "much": 0} {
		if got := megabytes(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// What an unfinished deployment left on a machine is not put back onto it, and everything else is.
func TestMarksOfOthersAreNotPutBack(t *testing.T) {
	marked := machine(t, "a", "ord", "app", func(c map[string]any) {
		md := c["metadata"].(map[string]string)
		md[deploy.TagHead], md[deploy.TagPlan] = deploy.Head{Deploy: "01JOLD", Holder: "ben@desk", Phase: deploy.Rolling, Image: "x:40"}.String(), "1:abc"
	})
	p, _, err := Deploy(input(t, marked))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(decoded(t, machine(t, "a", "ord", "app", nil).Config.Raw), decoded(t, p.Targets[0].Prev.Config)); d != "" {
		t.Errorf("before and put back (-want +got):\n%s", d)
	}
	plain := machine(t, "a", "ord", "app", nil)
	if p, _, err = Deploy(input(t, plain)); err != nil || string(p.Targets[0].Prev.Config) != string(plain.Config.Raw) {
		t.Errorf("one without a mark is not put back byte for byte: %v", err)
	}
}

func decoded(t *testing.T, raw json.RawMessage) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAPlanThatIsTooLargeToBeKeptIsNoted(t *testing.T) {
	x := uint32(1)
	noise := make([]byte, 60<<10)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[x>>26%62]
	}
	big := machine(t, "a", "ord", "app", func(c map[string]any) { c["env"] = map[string]string{"NOISE": string(noise)} })
	for says, m := range map[string]fly.Machine{"only from this computer": big, "": machine(t, "a", "ord", "app", nil)} {
		_, notes, err := Deploy(input(t, m))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(notes, "\n"), "only from this computer"); got != (says != "") {
			t.Errorf("notes %q", notes)
		}
	}
}
