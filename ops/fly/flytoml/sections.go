package flytoml

import (
	"strconv"
	"strings"
	"time"
)

// top reads the file. Names that come in several spellings are those of older files.
func (r *reader) top(f *File, t table) {
	t.text(&f.App, "app")
	t.text(&f.PrimaryRegion, "primary_region")
	t.text(&f.KillSignal, "kill_signal")
	t.duration(time.Second, &f.KillTimeout, "kill_timeout")
	t.number(&f.SwapSizeMB, "swap_size_mb")
	t.text(&f.ConsoleCommand, "console_command")
	t.text(&f.HostDedication, "host_dedication_id")
	t.pairs(&f.Env, "env")
	r.processes(f, t)
	f.Build = build(t.table("build"))
	f.Deploy = deploy(t.table("deploy"))
	f.Experimental = experimental(t.table("experimental"), f)
	for _, m := range t.tables("mount", "mounts") {
		f.Mounts = append(f.Mounts, mount(m))
	}
	if h := t.table("http_service"); h.v != nil {
		s := service(h, true)
		f.HTTPService = &s
	}
	for _, s := range t.tables("services") {
		if len(s.v.Table.Names) > 0 { // an empty section is an old way to say none
			f.Services = append(f.Services, service(s, false))
		}
	}
	r.checks(f, t)
	for _, m := range t.tables("compute", "computes", "vm") {
		f.VMs = append(f.VMs, vm(m))
	}
	for _, m := range t.tables("restart") {
		var x Restart
		m.text(&x.Policy, "policy")
		m.number(&x.Retries, "retries", "max_retries")
		m.texts(&x.Processes, "processes")
		m.rest("policy", "retries", "max_retries", "processes")
		f.Restarts = append(f.Restarts, x)
	}
	for _, m := range t.tables("metric", "metrics") {
		var x Metrics
		m.port(&x.Port, "port")
		m.text(&x.Path, "path")
		m.texts(&x.Processes, "processes")
		m.rest("port", "path", "processes", "https")
		f.Metrics = append(f.Metrics, x)
	}
	for _, m := range t.tables("statics") {
		var x Static
		m.text(&x.GuestPath, "guest_path")
		m.text(&x.URLPrefix, "url_prefix")
		m.rest("guest_path", "url_prefix", "tigris_bucket", "index_document")
		f.Statics = append(f.Statics, x)
	}
	for _, m := range t.tables("files") {
		var x FileEntry
		m.text(&x.GuestPath, "guest_path")
		m.text(&x.SecretName, "secret_name")
		m.text(&x.LocalPath, "local_path")
		m.texts(&x.Processes, "processes")
		m.rest("guest_path", "secret_name", "local_path", "raw_value", "processes")
		f.Files = append(f.Files, x)
	}
	t.rest("app", "primary_region", "kill_signal", "kill_timeout", "swap_size_mb", "console_command", "host_dedication_id",
		"env", "processes", "build", "deploy", "experimental", "mount", "mounts", "http_service", "services", "checks",
		"compute", "computes", "vm", "restart", "metric", "metrics", "statics", "files")
}

// processes reads [processes], or the old form: a list of tables with name and command.
func (r *reader) processes(f *File, t table) {
	v := t.find("processes")
	switch {
	case v == nil:
	case v.Table != nil:
		t.pairs(&f.Processes, "processes")
	case v.IsArray():
		for _, m := range t.tables("processes") {
			var name, command string
			m.text(&name, "name")
			m.text(&command, "command")
			m.rest("name", "command")
			if name == "" {
				continue
			}
			if f.Processes == nil {
				f.Processes = map[string]string{}
			}
			f.Processes[name] = command
		}
	default:
		r.wrong(v, "a table of groups and commands is wanted here, not %s", v.Kind())
	}
}

// checks reads [checks.NAME], or the old form: a list of tables with a name.
func (r *reader) checks(f *File, t table) {
	v := t.find("checks")
	if v == nil {
		return
	}
	add := func(name string, c Check) {
		if f.Checks == nil {
			f.Checks = map[string]Check{}
		}
		f.Checks[name] = c
	}
	if v.Table != nil {
		for _, n := range v.Table.Names {
			e := v.Table.Values[n]
			if e.Table == nil {
				r.wrong(e, "a table is wanted here, not %s", e.Kind())
				continue
			}
			add(n, check(table{r, e}, ""))
		}
		return
	}
	for _, m := range t.tables("checks") {
		var name string
		if m.text(&name, "name"); name == "" {
			r.wrong(m.v, "a check needs a name")
			continue
		}
		add(name, check(m, "", "name"))
	}
}

func build(t table) (b Build) {
	t.text(&b.Builder, "builder")
	t.text(&b.Image, "image")
	t.text(&b.Dockerfile, "dockerfile")
	t.text(&b.Ignorefile, "ignorefile")
	t.text(&b.Target, "build-target", "build_target")
	t.text(&b.Builtin, "builtin")
	t.text(&b.Compression, "compression")
	t.texts(&b.Buildpacks, "buildpacks")
	t.pairs(&b.Args, "args")
	t.rest("builder", "image", "dockerfile", "ignorefile", "build-target", "build_target", "builtin", "compression",
		"compression_level", "buildpacks", "args", "settings", "depot", "use_zstd")
	return b
}

func deploy(t table) (d Deploy) {
	t.text(&d.Strategy, "strategy")
	t.duration(time.Millisecond, &d.WaitTimeout, "wait_timeout")
	t.text(&d.ReleaseCommand, "release_command")
	t.duration(time.Millisecond, &d.ReleaseCommandTimeout, "release_command_timeout")
	t.text(&d.SeedCommand, "seed_command")
	if v := t.find("max_unavailable"); v != nil {
		switch n := v.Scalar.(type) {
		case int64:
			d.MaxUnavailable = float64(n)
		case float64:
			d.MaxUnavailable = n
		default:
			t.r.wrong(v, "a number of machines or a share below 1 is wanted here, not %s", v.Kind())
		}
		if !(d.MaxUnavailable >= 0) {
			t.r.wrong(v, "%v is not a number of machines", d.MaxUnavailable)
			d.MaxUnavailable = 0
		}
	}
	if m := t.table("release_command_vm"); m.v != nil {
		x := vm(m)
		d.ReleaseCommandVM = &x
	}
	t.rest("strategy", "max_unavailable", "wait_timeout", "release_command", "release_command_timeout", "release_command_vm", "seed_command")
	return d
}

func experimental(t table, f *File) (x Experimental) {
	t.texts(&x.Cmd, "cmd")
	t.texts(&x.Entrypoint, "entrypoint")
	t.texts(&x.Exec, "exec")
	t.truth(&x.AutoRollback, "auto_rollback")
	if f.KillTimeout == 0 {
		t.duration(time.Second, &f.KillTimeout, "kill_timeout")
	}
	t.rest("cmd", "entrypoint", "exec", "auto_rollback", "kill_timeout", "enable_consul", "enable_etcd", "machine_config",
		"allowed_public_ports", "private_network", "metrics_port", "metrics_path", "attached", "lazy_load_images", "uses_tigris")
	return x
}

func mount(t table) (m Mount) {
	t.text(&m.Source, "source")
	t.text(&m.Destination, "destination")
	t.text(&m.InitialSize, "initial_size")
	t.number(&m.SnapshotRetention, "snapshot_retention")
	t.texts(&m.Processes, "processes")
	t.rest("source", "destination", "initial_size", "snapshot_retention", "scheduled_snapshots", "processes",
		"auto_extend_size_threshold", "auto_extend_size_increment", "auto_extend_size_limit")
	return m
}

func vm(t table) (m VM) {
	t.text(&m.Size, "size")
	t.text(&m.Memory, "memory", "memory_mb")
	t.text(&m.CPUKind, "cpu_kind")
	t.text(&m.GPUKind, "gpu_kind")
	t.number(&m.CPUs, "cpus")
	t.texts(&m.Processes, "processes")
	t.rest("size", "memory", "memory_mb", "cpu_kind", "gpu_kind", "gpus", "cpus", "processes", "host_dedication_id",
		"kernel_args", "persist_rootfs")
	return m
}

func service(t table, http bool) (s Service) {
	s.Line, s.HTTP = t.v.Line, http
	t.text(&s.Protocol, "protocol")
	t.port(&s.InternalPort, "internal_port")
	t.truth(&s.ForceHTTPS, "force_https")
	s.AutoStop = autoStop(t)
	if v := t.find("auto_start_machines"); v != nil {
		var b bool
		t.truth(&b, "auto_start_machines")
		s.AutoStart = &b
	}
	t.number(&s.MinMachines, "min_machines_running")
	t.texts(&s.Processes, "processes")
	for _, p := range t.tables("ports") {
		var x Port
		p.port(&x.Port, "port")
		p.port(&x.Start, "start_port")
		p.port(&x.End, "end_port")
		p.texts(&x.Handlers, "handlers")
		p.truth(&x.ForceHTTPS, "force_https")
		p.rest("port", "start_port", "end_port", "handlers", "force_https", "tls_options", "http_options", "proxy_proto_options")
		s.Ports = append(s.Ports, x)
	}
	s.Concurrency = concurrency(t)
	for _, c := range t.tables("tcp_checks") {
		s.TCPChecks = append(s.TCPChecks, check(c, "tcp"))
	}
	for _, c := range t.tables("http_checks") {
		s.HTTPChecks = append(s.HTTPChecks, check(c, "http"))
	}
	if http {
		for _, c := range t.tables("checks") {
			s.HTTPChecks = append(s.HTTPChecks, check(c, "http"))
		}
	}
	known := []string{
		"protocol", "internal_port", "force_https", "auto_stop_machines", "auto_start_machines", "min_machines_running",
		"processes", "ports", "concurrency", "machine_checks", "tls_options", "http_options", "proxy_proto_options", "script_checks",
	}
	if http {
		t.rest(append(known, "checks")...)
	} else {
		t.rest(append(known, "tcp_checks", "http_checks")...)
	}
	return s
}

// autoStop reads auto_stop_machines, which was true or false before it had three values.
func autoStop(t table) string {
	v := t.find("auto_stop_machines")
	if v == nil {
		return ""
	}
	if b, ok := v.Bool(); ok {
		if b {
			return "stop"
		}
		return "off"
	}
	switch s, _ := v.Text(); s {
	case "off", "stop", "suspend":
		return s
	}
	t.r.wrong(v, "off, stop or suspend is wanted here, not %s", v.Kind())
	return ""
}

// concurrency reads the table, or the old form "SOFT,HARD".
func concurrency(t table) (c Concurrency) {
	v := t.find("concurrency")
	if v == nil {
		return c
	}
	if s, ok := v.Text(); ok {
		soft, hard, _ := strings.Cut(s, ",")
		var err1, err2 error
		c.Soft, err1 = strconv.Atoi(strings.TrimSpace(soft))
		c.Hard, err2 = strconv.Atoi(strings.TrimSpace(hard))
		if err1 != nil || err2 != nil {
			t.r.wrong(v, "a table is wanted here, or two numbers like \"20,25\", not %s", v.Kind())
			return Concurrency{}
		}
		c.Type = "requests"
		return c
	}
	m := t.table("concurrency")
	m.text(&c.Type, "type")
	m.number(&c.Soft, "soft_limit")
	m.number(&c.Hard, "hard_limit")
	m.rest("type", "soft_limit", "hard_limit")
	return c
}

// check reads a check; kind empty: the table says which. extra keys are known too.
func check(t table, kind string, extra ...string) (c Check) {
	c.Line, c.Type = t.v.Line, kind
	if kind == "" {
		t.text(&c.Type, "type")
		t.port(&c.Port, "port")
		t.texts(&c.Processes, "processes")
		extra = append(extra, "type", "port", "processes")
	}
	t.duration(time.Millisecond, &c.Interval, "interval")
	t.duration(time.Millisecond, &c.Timeout, "timeout")
	t.duration(time.Millisecond, &c.GracePeriod, "grace_period")
	t.text(&c.Method, "method")
	t.text(&c.Path, "path")
	t.text(&c.Protocol, "protocol")
	t.truth(&c.TLSSkipVerify, "tls_skip_verify")
	c.Headers = headers(t)
	t.rest(append(extra, "interval", "timeout", "grace_period", "method", "path", "protocol", "tls_skip_verify",
		"tls_server_name", "headers", "restart_limit", "kind")...)
	return c
}

// headers reads a table of them, or the old form: a list of tables with name and value.
func headers(t table) map[string]string {
	v := t.find("headers")
	if v == nil {
		return nil
	}
	out := map[string]string{}
	if v.Table != nil {
		t.pairs(&out, "headers")
		return out
	}
	for _, m := range t.tables("headers") {
		var name, value string
		m.text(&name, "name")
		m.text(&value, "value")
		m.rest("name", "value")
		out[name] = value
	}
	return out
}
