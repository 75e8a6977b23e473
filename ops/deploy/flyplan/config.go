package flyplan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
	"ops-console/ops/preflight/shell"
)

// object is a configuration in the platform's form, of which only some keys are looked at.
type object map[string]json.RawMessage

func parse(raw json.RawMessage) (object, error) {
	o := object{}
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fmt.Errorf("the machine's configuration: %w", err)
	}
	return o, nil
}

// set writes a value; it is one of ours and can always be written as JSON.
func (o object) set(key string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("flyplan: " + key + ": " + err.Error())
	}
	o[key] = b
}

// get reads a value; one of another form counts as not there.
func get[T any](o object, key string) T {
	var v T
	if raw, ok := o[key]; ok && json.Unmarshal(raw, &v) != nil {
		var zero T
		return zero
	}
	return v
}

func (o object) raw() json.RawMessage {
	b, err := json.Marshal(o)
	if err != nil {
		panic("flyplan: " + err.Error()) // every value was JSON
	}
	return b
}

// config is the configuration that a machine gets: what it runs now, with the image, and with all that fly.toml says put
// over it. What fly.toml cannot say, or what this program does not know of it, stays as it runs.
func (in *Input) config(now json.RawMessage, group string) (json.RawMessage, error) {
	o, err := parse(now)
	if err != nil {
		return nil, err
	}
	o.set("image", in.Artifact.Image)
	md := get[map[string]string](o, "metadata")
	if md == nil {
		md = map[string]string{}
	}
	// These name the release that made the configuration; the new one's are not known before it is recorded.
	for k := range md {
		if strings.HasPrefix(k, "ops_deploy") || k == "fly_bluegreen_deployment_tag" || k == "fly_canary" || k == "fly_flyctl_bluegreen_launch_id" {
			delete(md, k)
		}
	}
	md[fly.MetaPlatformVersion], md[fly.MetaProcessGroup] = "v2", group
	o.set("metadata", md)
	if f := in.File; f != nil {
		in.env(o, group)
		in.process(o, group)
		stop(o, f)
		services(o, f, group)
		checks(o, f, group)
	}
	return o.raw(), nil
}

// env puts [env] over what runs. A variable that the file of the release before set, and this one does not, goes.
func (in *Input) env(o object, group string) {
	env := get[map[string]string](o, "env")
	if env == nil {
		env = map[string]string{}
	}
	for name := range in.previousEnv() {
		delete(env, name)
	}
	maps.Copy(env, in.File.Env)
	if r := in.File.PrimaryRegion; r != "" {
		env["PRIMARY_REGION"] = r
	}
	env["FLY_PROCESS_GROUP"] = group
	o.set("env", env)
}

func (in *Input) previousEnv() map[string]json.RawMessage {
	var v struct {
		Env map[string]json.RawMessage `json:"env"`
	}
	if json.Unmarshal(in.Previous, &v) != nil {
		return nil
	}
	return v.Env
}

// process sets what is run, where the file says it.
func (in *Input) process(o object, group string) {
	init := get[object](o, "init")
	if init == nil {
		init = object{}
	}
	put := func(key string, words []string) {
		if len(words) > 0 {
			init.set(key, words)
		}
	}
	x := in.File.Experimental
	put("cmd", x.Cmd)
	put("entrypoint", x.Entrypoint)
	put("exec", x.Exec)
	put("cmd", shell.Words(in.File.Processes[group]))
	if in.File.SwapSizeMB > 0 {
		init.set("swap_size_mb", in.File.SwapSizeMB)
	}
	if len(init) > 0 {
		o.set("init", init)
	}
}

func stop(o object, f *flytoml.File) {
	s := get[object](o, "stop_config")
	if s == nil {
		s = object{}
	}
	if f.KillSignal != "" {
		s.set("signal", f.KillSignal)
	}
	if f.KillTimeout > 0 {
		s.set("timeout", text(f.KillTimeout))
	}
	if len(s) > 0 {
		o.set("stop_config", s)
	}
}

// text is a duration as the platform writes it: "30s", "1m30s".
func text(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// forGroup says whether a section with such a list of process groups is for one of them. Without a list it is for the default
// group.
func forGroup(processes []string, group string, f *flytoml.File) bool {
	if len(processes) > 0 {
		return slices.Contains(processes, group)
	}
	return group == defaultGroup(f)
}

// defaultGroup is the group of sections that name none.
func defaultGroup(f *flytoml.File) string {
	if _, ok := f.Processes[flytoml.DefaultGroup]; ok || len(f.Processes) != 1 {
		return flytoml.DefaultGroup
	}
	for name := range f.Processes {
		return name
	}
	return flytoml.DefaultGroup
}

// services puts the services of the file over those that run, matched by protocol and inside port. Those the file does not
// have go.
func services(o object, f *flytoml.File, group string) {
	var wanted []flytoml.Service
	if h := f.HTTPService; h != nil {
		wanted = append(wanted, *h)
	}
	wanted = append(wanted, f.Services...)
	running := get[[]object](o, "services")
	out := []object{}
	for _, s := range wanted {
		if !forGroup(s.Processes, group, f) {
			continue
		}
		protocol := s.Protocol
		if protocol == "" {
			protocol = "tcp"
		}
		base := object{}
		for _, r := range running {
			if get[int](r, "internal_port") == s.InternalPort && get[string](r, "protocol") == protocol {
				base = r
			}
		}
		out = append(out, service(maps.Clone(base), s, protocol))
	}
	if len(out) > 0 {
		o.set("services", out)
	} else {
		delete(o, "services")
	}
}

func service(o object, s flytoml.Service, protocol string) object {
	o.set("protocol", protocol)
	o.set("internal_port", s.InternalPort)
	if s.AutoStop != "" {
		o.set("autostop", s.AutoStop)
	}
	if s.AutoStart != nil {
		o.set("autostart", *s.AutoStart)
	}
	if s.MinMachines > 0 || o["min_machines_running"] != nil {
		o.set("min_machines_running", s.MinMachines)
	}
	if c := s.Concurrency; c.Type != "" || c.Soft+c.Hard > 0 {
		o.set("concurrency", fly.Concurrency{Type: c.Type, HardLimit: c.Hard, SoftLimit: c.Soft})
	}
	ports := s.Ports
	if s.HTTP && len(ports) == 0 {
		ports = []flytoml.Port{{Port: 80, Handlers: []string{"http"}, ForceHTTPS: s.ForceHTTPS}, {Port: 443, Handlers: []string{"http", "tls"}}}
	}
	o.set("ports", mergedPorts(get[[]object](o, "ports"), ports))
	list := []object{}
	for _, c := range s.TCPChecks {
		list = append(list, check(c, "tcp"))
	}
	for _, c := range s.HTTPChecks {
		list = append(list, check(c, "http"))
	}
	if len(list) > 0 {
		o.set("checks", list)
	} else {
		delete(o, "checks")
	}
	return o
}

// mergedPorts keeps of the ports that run what the file cannot say, such as TLS options.
func mergedPorts(running []object, wanted []flytoml.Port) []object {
	out := []object{}
	for _, p := range wanted {
		o := object{}
		for _, r := range running {
			if get[int](r, "port") == p.Port && get[int](r, "start_port") == p.Start {
				o = maps.Clone(r)
			}
		}
		if p.Port > 0 {
			o.set("port", p.Port)
		}
		if p.Start > 0 {
			o.set("start_port", p.Start)
			o.set("end_port", p.End)
		}
		if len(p.Handlers) > 0 {
			o.set("handlers", p.Handlers)
		}
		if p.ForceHTTPS || o["force_https"] != nil {
			o.set("force_https", p.ForceHTTPS)
		}
		out = append(out, o)
	}
	return out
}

func check(c flytoml.Check, kind string) object {
	o := object{}
	o.set("type", kind)
	if c.Type != "" {
		o.set("type", c.Type)
	}
	if c.Port > 0 {
		o.set("port", c.Port)
	}
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"interval", c.Interval}, {"timeout", c.Timeout}, {"grace_period", c.GracePeriod}} {
		if d.v > 0 {
			o.set(d.key, text(d.v))
		}
	}
	for _, t := range []struct{ key, v string }{{"method", c.Method}, {"path", c.Path}, {"protocol", c.Protocol}} {
		if t.v != "" {
			o.set(t.key, t.v)
		}
	}
	if c.TLSSkipVerify {
		o.set("tls_skip_verify", true)
	}
	if len(c.Headers) > 0 {
		type header struct {
			Name   string   `json:"name"`
			Values []string `json:"values"`
		}
		var list []header
		for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
			list = append(list, header{name, []string{c.Headers[name]}})
		}
		o.set("headers", list)
	}
	return o
}

// checks sets the top-level ones.
func checks(o object, f *flytoml.File, group string) {
	out := map[string]object{}
	for name, c := range f.Checks {
		if forGroup(c.Processes, group, f) {
			out[name] = check(c, "http")
		}
	}
	if len(out) > 0 {
		o.set("checks", out)
	} else {
		delete(o, "checks")
	}
}

// countChecks is how many health checks a configuration has.
func countChecks(c *fly.MachineConfig) int {
	n := len(c.Checks)
	for _, s := range c.Services {
		n += len(s.Checks)
	}
	return n
}

// grace is the longest grace period of a configuration's checks.
func grace(c *fly.MachineConfig) time.Duration {
	var d time.Duration
	for _, k := range c.Checks {
		d = max(d, time.Duration(k.GracePeriod))
	}
	for _, s := range c.Services {
		for _, k := range s.Checks {
			d = max(d, time.Duration(k.GracePeriod))
		}
	}
	return d
}

// autostops says whether the platform stops the machine when it is idle.
func autostops(c *fly.MachineConfig) bool {
	for _, s := range c.Services {
		switch v := strings.Trim(string(s.Autostop), `"`); v {
		case "", "null", "false", "off":
		default:
			return true
		}
	}
	return false
}

// release is the number of the release that made a configuration; 0: it does not say.
func release(c *fly.MachineConfig) int {
	n, err := strconv.Atoi(c.Metadata[fly.MetaReleaseVersion])
	if err != nil {
		return 0
	}
	return n
}
