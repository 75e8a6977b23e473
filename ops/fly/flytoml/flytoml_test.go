package flytoml

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestAModernFile(t *testing.T) {
	f, err := Load("testdata/modern.toml")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := &File{
		Path: "testdata/modern.toml", App: "changelog", PrimaryRegion: "iad", KillSignal: "SIGTERM", KillTimeout: 30 * time.Second,
		ConsoleCommand: "/app/bin/changelog remote",
		Build:          Build{Image: "registry.fly.io/changelog:deployment-1"},
		Deploy: Deploy{
			Strategy: "bluegreen", MaxUnavailable: 0.25, WaitTimeout: 90 * time.Second,
			ReleaseCommand: "/app/bin/migrate", ReleaseCommandTimeout: 10 * time.Minute,
		},
		Env:       map[string]string{"PHX_HOST": "changelog.com", "PORT": "4000", "FEATURE": "true"},
		Processes: map[string]string{"app": "/app/bin/server", "worker": "/app/bin/worker"},
		Mounts:    []Mount{{Source: "uploads", Destination: "/data", InitialSize: "3gb", Processes: []string{"worker"}}},
		HTTPService: &Service{
			Line: 33, HTTP: true, InternalPort: 4000, ForceHTTPS: true, AutoStop: "suspend", AutoStart: &yes, MinMachines: 2,
			Processes: []string{"app"}, Concurrency: Concurrency{"connections", 2000, 2500},
			HTTPChecks: []Check{{
				Line: 46, Type: "http", Interval: 15 * time.Second, Timeout: 10 * time.Second, GracePeriod: 30 * time.Second,
				Method: "GET", Path: "/health", Headers: map[string]string{"X-Forwarded-Proto": "https"},
			}},
		},
		Checks:   map[string]Check{"memory": {Line: 55, Type: "http", Port: 9090, Path: "/memory", Interval: 30 * time.Second}},
		VMs:      []VM{{Size: "performance-1x", Memory: "2gb"}},
		Restarts: []Restart{{Policy: "on-failure", Retries: 5}},
		Metrics:  []Metrics{{Port: 9091, Path: "/metrics"}},
		Unknown:  []Unknown{{"future", 73}},
	}
	if diff := cmp.Diff(want, f, cmpopts.IgnoreFields(File{}, "Lines")); diff != "" {
		t.Error(diff)
	}
	if f.HTTPPort() != 4000 || f.CheckPath() != "/health" {
		t.Errorf("got port %d, path %q", f.HTTPPort(), f.CheckPath())
	}
	if f.Lines["http_service.internal_port"] != 34 || f.Lines["app"] != 2 {
		t.Errorf("got lines %v", f.Lines)
	}
}

func TestALegacyFile(t *testing.T) {
	f, err := Load("testdata/legacy.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Path: "testdata/legacy.toml", App: "oldlog", KillSignal: "SIGINT", KillTimeout: 5 * time.Second,
		Mounts: []Mount{{Source: "data", Destination: "/data", InitialSize: "10"}},
		Services: []Service{{
			Line: 19, Protocol: "tcp", InternalPort: 8080, AutoStop: "off", Concurrency: Concurrency{"requests", 20, 25},
			Ports:      []Port{{Port: 80, Handlers: []string{"http"}, ForceHTTPS: true}, {Start: 443, End: 444, Handlers: []string{"tls", "http"}}},
			TCPChecks:  []Check{{Line: 36, Type: "tcp", GracePeriod: time.Second, Interval: 15 * time.Second, Timeout: 2 * time.Second}},
			HTTPChecks: []Check{{Line: 42, Type: "http", Interval: 10 * time.Second, Path: "/up", Headers: map[string]string{"X-Forwarded-Proto": "https"}}},
		}},
		Checks:       map[string]Check{"alive": {Line: 47, Type: "tcp", Port: 8080}},
		VMs:          []VM{{Memory: "512"}},
		Experimental: Experimental{Cmd: []string{"app.start"}, AutoRollback: true},
	}
	if diff := cmp.Diff(want, f, cmpopts.IgnoreFields(File{}, "Lines")); diff != "" {
		t.Error(diff)
	}
	if f.HTTPPort() != 8080 || f.CheckPath() != "/up" {
		t.Errorf("got port %d, path %q", f.HTTPPort(), f.CheckPath())
	}
}

func TestPortAndPath(t *testing.T) {
	tests := []struct {
		name, file string
		port       int
		path       string
	}{
		{"nothing", "app = 'a'", 0, ""},
		{"only tcp", "[[services]]\ninternal_port = 5432\n[[services.ports]]\nport = 5432\nhandlers = ['pg_tls']", 0, ""},
		{"tls handler", "[[services]]\ninternal_port = 1\n[[services]]\ninternal_port = 2\n[[services.ports]]\nhandlers = ['tls']", 2, ""},
		{"checked service first", "[[services]]\ninternal_port = 1\n[[services.ports]]\nhandlers = ['http']\n[[services]]\ninternal_port = 2\n[[services.http_checks]]\npath = '/h'", 2, "/h"},
		{"top-level check on the same port", "[http_service]\ninternal_port = 4000\n[checks.b]\ntype='http'\nport=4000\npath='/b'\n[checks.a]\ntype='http'\nport=4000\npath='/a'\n[checks.c]\ntype='http'\nport=9\npath='/c'", 4000, "/b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse(Name, []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if f.HTTPPort() != tt.port || f.CheckPath() != tt.path {
				t.Errorf("got %d %q, want %d %q", f.HTTPPort(), f.CheckPath(), tt.port, tt.path)
			}
		})
	}
}

func TestErrorsNameTheLineAndKey(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"syntax", "app = 'a'\n[http_service\n", "fly.toml:2:14: not TOML: "},
		{"text", "app = ['a']", "fly.toml:1:1: app: a text is wanted here, not a list"},
		{"number", "[http_service]\ninternal_port = 'http'", `fly.toml:2:1: http_service.internal_port: a whole number is wanted here, not the text "http"`},
		{"negative", "swap_size_mb = -1", "fly.toml:1:1: swap_size_mb: a whole number is wanted here, not the number -1"},
		{"port", "[http_service]\ninternal_port = 70000", "fly.toml:2:1: http_service.internal_port: a port is at most 65535, not 70000"},
		{"duration", "[[services]]\n[[services.http_checks]]\ninterval = 'soon'", `fly.toml:3:1: services[0].http_checks[0].interval: a duration like "15s" is wanted here, or a number of milliseconds, not the text "soon"`},
		{"huge duration", "kill_timeout = 9223372036854775807", `fly.toml:1:1: kill_timeout: a duration like "15s" is wanted here, or a number of seconds, not the number 9223372036854775807`},
		{"truth", "[http_service]\nforce_https = 'yes'", `fly.toml:2:1: http_service.force_https: true or false is wanted here, not the text "yes"`},
		{"autostop", "[http_service]\nauto_stop_machines = 'maybe'", `fly.toml:2:1: http_service.auto_stop_machines: off, stop or suspend is wanted here, not the text "maybe"`},
		{"section", "deploy = 'rolling'", `fly.toml:1:1: deploy: a table is wanted here, not the text "rolling"`},
		{"concurrency", "[[services]]\nconcurrency = 'many'", `fly.toml:2:1: services[0].concurrency: a table is wanted here, or two numbers like "20,25", not the text "many"`},
		{"unavailable", "[deploy]\nmax_unavailable = nan", "fly.toml:2:1: deploy.max_unavailable: NaN is not a number of machines"},
		{"two", "app = []\nswap_size_mb = 'x'", "fly.toml:1:1: app: a text is wanted here, not a list\nfly.toml:2:1: swap_size_mb: a whole number is wanted here, not the text \"x\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(Name, []byte(tt.file))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("\ngot  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestWhatCouldBeReadIsKeptBesideErrors(t *testing.T) {
	f, err := Parse(Name, []byte("app = 'a'\nswap_size_mb = 'x'\n[http_service]\ninternal_port = 4000"))
	if err == nil || f == nil || f.App != "a" || f.HTTPPort() != 4000 {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestUnknownKeysAreListedInOrder(t *testing.T) {
	f, err := Parse(Name, []byte("zzz = 1\n[http_service]\ninternal_prot = 1\n[[services]]\ninternal_port = 1\n[[services.ports]]\nprot = 1\n[env]\nanything = 'goes'\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Unknown{{"zzz", 1}, {"http_service.internal_prot", 3}, {"services[0].ports[0].prot", 7}}
	if diff := cmp.Diff(want, f.Unknown); diff != "" {
		t.Error(diff)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, Name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, Name), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, Name)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"modern", "legacy"} {
		b, err := os.ReadFile("testdata/" + name + ".toml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(Name, b)
		if err != nil {
			for l := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(l, Name+":") {
					t.Errorf("the error does not name the file: %q", l)
				}
			}
		}
		if file != nil {
			if p := file.HTTPPort(); p < 0 || p > 65535 {
				t.Errorf("port %d", p)
			}
			file.CheckPath()
		}
	})
}
