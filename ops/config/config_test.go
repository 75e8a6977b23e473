package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/config/tomlfile"
	"ops-console/ops/fly"
)

// world is a home, a configuration directory and a project in a temporary directory.
type world struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, env: map[string]string{"HOME": filepath.Join(dir, "home")}}
	w.mkdir("home")
	w.mkdir("src/.git")
	w.mkdir("src/deep")
	return w
}

func (w *world) mkdir(name string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Join(w.dir, name), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, text string, mode os.FileMode) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.mkdir(filepath.Dir(name))
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) user(text string) string {
	return w.write("home/.config/ops-console/config.toml", text, 0o600)
}
func (w *world) project(text string) string { return w.write("src/ops-console.toml", text, 0o644) }
func (w *world) fly(text string) string     { return w.write("src/fly.toml", text, 0o644) }

func (w *world) getenv(k string) string { return w.env[k] }

func (w *world) load(o Options) (*Profile, error) {
	o.Env = w.getenv
	if o.Dir == "" {
		o.Dir = filepath.Join(w.dir, "src", "deep")
	}
	return Load(o)
}

func (w *world) must(o Options) *Profile {
	w.t.Helper()
	p, err := w.load(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// short replaces the temporary directory in a text.
func (w *world) short(s string) string { return strings.ReplaceAll(s, w.dir, "") }

func TestWithoutAnyFileTheNameIsAnAppAndAllElseIsTheDefault(t *testing.T) {
	w := newWorld(t)
	got := w.must(Options{Name: "changelog"})
	want := &Profile{
		Name: "changelog", App: "changelog", Environment: "production",
		API:       API{Machines: "https://api.machines.dev", GraphQL: "https://api.fly.io", Web: "https://api.fly.io", Registry: "https://registry.fly.io", Metrics: "https://api.fly.io/prometheus", TokenEnv: "FLY_ACCESS_TOKEN"},
		Network:   Network{Mode: "auto", Transport: "auto"},
		Probe:     Probe{Scheme: "http", Timeout: 3 * time.Second, Concurrency: 64, Status: "200-399"},
		Lint:      Lint{FailOn: "warning", SmallRows: 10_000, SmallBytes: 16 << 20},
		Generator: Generator{Mix: "ask", Web: true, Registry: "https://hex.pm/api", Packages: "https://repo.hex.pm"},
		Backup: Backup{
			KeyEnv: "AWS_ACCESS_KEY_ID", SecretEnv: "AWS_SECRET_ACCESS_KEY", TokenEnv: "AWS_SESSION_TOKEN", Level: 1, Node: "primary",
			MaxSnapshot: 2 * time.Hour, LockTimeout: 10 * time.Second, Verify: "decoded", Every: "17 3 * * *", Overdue: 26 * time.Hour,
			Keep: "hourly 24, daily 7, weekly 5, monthly 12, last 3, predeploy 5",
		},
		Deploy: Deploy{
			Backup: "auto", BackupAge: 10 * time.Minute, Preflight: "require", Soak: 30 * time.Second, Content: true, TotalLimit: time.Hour,
			Guards: Guards{
				Errors: Guard{Mode: GuardPause, Limit: .01}, P99: Guard{Mode: GuardWatch}, Restarts: Guard{Mode: GuardPause},
				Lag: Guard{Mode: GuardPause, Other: true}, Settle: 30 * time.Second,
			},
		},
		Console:  Console{Theme: "auto", Glyphs: "auto"},
		Database: Database{Via: "auto", Poll: "auto", Warn: time.Second, Critical: 5 * time.Second},
		Interval: Interval{5 * time.Second, 5 * time.Second, 5 * time.Second, 30 * time.Second, time.Minute, time.Minute, time.Second},
		Origins:  map[string]string{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatBackupsAreNotToldLikeThis(t *testing.T) {
	for line, want := range map[string]string{
		`store = "ftp://example.com/x"`:             "a directory",
		`store = "s3://key:secret@bucket/x"`:        "backup",
		`recipients = ["AGE-SECRET-KEY-1QQQQQQQQ"]`: "backup.identity",
		`node = "any"`: "auto, primary or replica",
		`level = 99`:   "from 1 to 19",
	} {
		t.Run(line, func(t *testing.T) {
			w := newWorld(t)
			w.user("[app.changelog.backup]\n" + line + "\n")
			_, err := w.load(Options{Name: "changelog"})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error with %q", err, want)
			}
			if err != nil && (strings.Contains(err.Error(), "QQQQQQQQ") || strings.Contains(err.Error(), "key:secret")) {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

func TestFlyTomlFillsIn(t *testing.T) {
	w := newWorld(t)
	path := w.fly("app = 'changelog'\nprimary_region = 'iad'\n[http_service]\ninternal_port = 4000\n[[http_service.checks]]\npath = '/health'\n")
	for _, name := range []string{"changelog", ""} {
		p := w.must(Options{Name: name})
		if p.Name != "changelog" || p.App != "changelog" || p.PrimaryRegion != "iad" || p.Probe.Port != 4000 || p.Probe.Path != "/health" || p.Project != filepath.Join(w.dir, "src") {
			t.Errorf("%q: got %+v", name, p)
		}
		if diff := cmp.Diff([]string{path}, p.Sources); diff != "" {
			t.Error(diff)
		}
	}
	p := w.must(Options{Name: "other"})
	if p.App != "other" || p.Probe.Port != 0 || p.Project != "" {
		t.Errorf("another app's fly.toml was used: %+v", p)
	}
	if want := `/src/fly.toml is for the app "changelog", not for other: it is not used`; len(p.Notes) != 1 || w.short(p.Notes[0]) != want {
		t.Errorf("got notes %q, want %q", p.Notes, want)
	}
}

func TestBrokenFlyTomlIsANote(t *testing.T) {
	w := newWorld(t)
	w.fly("app = \n")
	p := w.must(Options{Name: "changelog"})
	if len(p.Notes) != 1 || !strings.HasPrefix(w.short(p.Notes[0]), "/src/fly.toml:1:7: not TOML: ") {
		t.Errorf("got %q", p.Notes)
	}
}

func TestProfileOfAProjectTakesTheAppFromFlyToml(t *testing.T) {
	w := newWorld(t)
	w.fly("app = 'changelog-2025-05-05'\nprimary_region = 'iad'\n")
	w.project("[app.changelog]\nenvironment = 'staging'\n")
	for _, name := range []string{"changelog", ""} {
		p := w.must(Options{Name: name})
		if p.Name != "changelog" || p.App != "changelog-2025-05-05" || p.Environment != "staging" || p.PrimaryRegion != "iad" {
			t.Errorf("got %+v", p)
		}
	}
	// The app's own name at the platform finds the profile that has it.
	w.user("[app.log]\napp = 'changelog-2025-05-05'\n")
	w.project("")
	if p := w.must(Options{}); p.Name != "log" || p.App != "changelog-2025-05-05" {
		t.Errorf("got %+v", p)
	}
}

func TestPrecedence(t *testing.T) {
	const fromUser, fromProject, fromConfig = "1001", "1002", "1003"
	port := func(table, n string) string { return "[" + table + ".probe]\nport = " + n + "\n" }
	tests := []struct {
		name                        string
		user, project, config, fly_ string
		env                         map[string]string
		want                        int
		origin                      string
	}{
		{name: "nothing", want: 0},
		{name: "fly.toml", fly_: "app = 'changelog'\n[http_service]\ninternal_port = 900\n", want: 900, origin: "/src/fly.toml"},
		{name: "user defaults over fly.toml", fly_: "app = 'changelog'\n[http_service]\ninternal_port = 900\n", user: port("defaults", fromUser), want: 1001, origin: "/home/.config/ops-console/config.toml:2"},
		{name: "user app over user defaults", user: port("defaults", "1") + port("app.changelog", fromUser), want: 1001, origin: "/home/.config/ops-console/config.toml:4"},
		{name: "another app's does not count", user: port("app.other", "1") + "[app.changelog]\n", want: 0},
		{name: "project over user", user: port("app.changelog", fromUser), project: port("app.changelog", fromProject), want: 1002, origin: "/src/ops-console.toml:2"},
		{name: "config over project", project: port("app.changelog", fromProject), config: port("defaults", fromConfig), want: 1003, origin: "/given.toml:2"},
		{name: "variable over config", config: port("app.changelog", fromConfig), env: map[string]string{"OPS_CONSOLE_PROBE_PORT": "1004"}, want: 1004, origin: "$OPS_CONSOLE_PROBE_PORT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			o := Options{Name: "changelog"}
			if tt.user != "" {
				w.user(tt.user)
			}
			if tt.project != "" {
				w.project(tt.project)
			}
			if tt.fly_ != "" {
				w.fly(tt.fly_)
			}
			if tt.config != "" {
				o.ConfigFile = w.write("given.toml", tt.config, 0o600)
			}
			for k, v := range tt.env {
				w.env[k] = v
			}
			p := w.must(o)
			if p.Probe.Port != tt.want {
				t.Errorf("got port %d, want %d", p.Probe.Port, tt.want)
			}
			if got := w.short(p.Origins["probe.port"]); got != tt.origin {
				t.Errorf("got origin %q, want %q", got, tt.origin)
			}
			if err := p.Set("probe.port", "1005", "--port", w.dir, w.getenv); err != nil || p.Probe.Port != 1005 || p.Origins["probe.port"] != "--port" {
				t.Errorf("a flag is strongest: got %d, %v", p.Probe.Port, err)
			}
		})
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	w := newWorld(t)
	w.user(`
[app.changelog]
app = "changelog-2025"
environment = "staging"
org = "changelog-media"
project = "../../../src"
primary_region = "iad"
agree = [{ path = "/" }, { path = "/feed", ignore = ['\d+'], headers = { host = "changelog.com" } }]
api = { machines = "http://127.0.0.1:4280", graphql = "http://127.0.0.1:1", web = "http://127.0.0.1:2", registry = "http://127.0.0.1:3", metrics = "http://127.0.0.1:4/p", token_env = "T", token_file = "~/t", token = "fo1_secret" }
network = { mode = "user", config = "wg.conf", interface = "wg0", dns = "fdaa::3", transport = "udp", websocket = "ws://127.0.0.1:443/" }
cluster.command = ["bin/x", "rpc", ""]
console = { theme = "nord", glyphs = "ascii", mouse = true, read_only = true, reduced_motion = true }
interval = { platform = "1s", dns = "2s", probe = "3s", agreement = "4s", cluster = "5s", releases = "6s", replicas = "7s" }
[app.changelog.lint]
target = 16
since = 20240101000000
severity = { rename-column = "warning", style = "info" }
fail_on = "info"
lock_timeout = "3s"
small_rows = 7
small_bytes = 8
baseline = "lint.json"
[app.changelog.generator]
snapshots = ["~/trees", "here", "https://example.com/trees.tar.zst", "git@example.com:trees.git"]
mix = "never"
web = false
registry = "https://hex.example.com/api"
packages = "https://packages.example.com"
base = "1.6.16"
[app.changelog.deploy]
backup = "always"
backup_age = "1m"
preflight = "warn"
soak = "1s"
content = false
additive = ["20260101120000"]
limit = "5m"
guards = { errors = "2.5%", p99 = "3x", restarts = 2, lag = "20s", settle = "0s" }
[app.changelog.backup]
store = "s3://backups/db?endpoint=https://s3.example.com"
key_env = "K"
secret_env = "S"
token_env = "T"
key_file = "keys"
url_env = "BU"
url_file = "bu"
recipients = ["age1abc", "backup.pub"]
identity = "~/backup.key"
level = 9
node = "auto"
max_snapshot = "1h"
lock_timeout = "2s"
rate = 1000
keep = "last 1"
verify = "restored"
assert = ["select true"]
every = "0 * * * *"
overdue = "2h"
webhook_env = "W"
webhook_secret_env = "WS"
image = "registry.example.com/ops:1"
[app.changelog.probe]
port = 4000
path = "/health?x=1"
host = "changelog.com"
scheme = "https"
headers = { x-forwarded-proto = "https" }
release_header = "x-release"
timeout = "1s"
concurrency = 8
status = "200,204, 300-399"
[app.changelog.database]
app = "changelog-db"
url = "postgres://ops:p%40ss@db.example.com/changelog"
url_env = "DATABASE_URL"
url_file = "url"
service = "changelog"
name = "changelog"
user = "ops"
password_env = "DB_PASSWORD"
via = "direct"
poll = "pane"
warn = "2s"
critical = "3s"
[[app.changelog.database.replicas]]
name = "lax-1"
region = "us-west-1"
url = "host=db-lax.example.com"
[[app.changelog.database.replicas]]
name = "syd-1"
url_env = "SYD_URL"
`)
	p := w.must(Options{Name: "changelog"})
	tok, _ := fly.NewToken("fo1_secret")
	want := &Profile{
		Name: "changelog", App: "changelog-2025", Environment: "staging", Org: "changelog-media",
		Project: filepath.Join(w.dir, "src"), PrimaryRegion: "iad",
		API: API{
			Machines: "http://127.0.0.1:4280", GraphQL: "http://127.0.0.1:1", Web: "http://127.0.0.1:2", Registry: "http://127.0.0.1:3", Metrics: "http://127.0.0.1:4/p", TokenEnv: "T",
			TokenFile: filepath.Join(w.dir, "home/t"), Token: tok,
		},
		Network: Network{"user", filepath.Join(w.dir, "home/.config/ops-console/wg.conf"), "wg0", "fdaa::3", "udp", "ws://127.0.0.1:443/"},
		Probe: Probe{
			Port: 4000, Path: "/health?x=1", Host: "changelog.com", Scheme: "https", Headers: map[string]string{"x-forwarded-proto": "https"},
			ReleaseHeader: "x-release", Timeout: time.Second, Concurrency: 8, Status: "200,204, 300-399",
		},
		Agree:   []AgreePath{{Path: "/"}, {Path: "/feed", Ignore: []string{`\d+`}, Headers: map[string]string{"host": "changelog.com"}}},
		Cluster: Cluster{Command: []string{"bin/x", "rpc", ""}},
		Console: Console{"nord", "ascii", true, true, true},
		Database: Database{
			App: "changelog-db", URL: "postgres://ops:p%40ss@db.example.com/changelog", URLEnv: "DATABASE_URL",
			URLFile: filepath.Join(w.dir, "home/.config/ops-console/url"), Service: "changelog", Name: "changelog", User: "ops",
			Password: "DB_PASSWORD", Via: "direct", Poll: "pane", Warn: 2e9, Critical: 3e9,
			Replicas: []DatabaseNode{{Name: "lax-1", Region: "us-west-1", URL: "host=db-lax.example.com"}, {Name: "syd-1", URLEnv: "SYD_URL"}},
		},
		Lint: Lint{
			16, 20240101000000,
			map[string]string{"rename-column": "warning", "style": "info"},
			"info", "3s", 7, 8,
			filepath.Join(w.dir, "home/.config/ops-console/lint.json"),
		},
		Generator: Generator{
			[]string{filepath.Join(w.dir, "home/trees"), filepath.Join(w.dir, "home/.config/ops-console/here"), "https://example.com/trees.tar.zst", "git@example.com:trees.git"},
			"never", false, "https://hex.example.com/api", "https://packages.example.com", "1.6.16",
		},
		Backup: Backup{
			"s3://backups/db?endpoint=https://s3.example.com", "K", "S", "T", filepath.Join(w.dir, "home/.config/ops-console/keys"),
			"BU", filepath.Join(w.dir, "home/.config/ops-console/bu"),
			[]string{"age1abc", filepath.Join(w.dir, "home/.config/ops-console/backup.pub")},
			filepath.Join(w.dir, "home/backup.key"), 9,
			"auto", time.Hour, 2e9, 1000,
			"last 1", "restored",
			[]string{"select true"},
			"0 * * * *", 2 * time.Hour,
			"W", "WS", "registry.example.com/ops:1",
		},
		Deploy: Deploy{"always", time.Minute, "warn", time.Second, false, []string{"20260101120000"}, 5 * time.Minute, Guards{
			Guard{Mode: GuardPause, Limit: .025}, Guard{Mode: GuardPause, Times: 3}, Guard{Mode: GuardPause, Limit: 2}, Guard{Mode: GuardPause, Limit: 20}, 0,
		}},
		Interval: Interval{1e9, 2e9, 3e9, 4e9, 5e9, 6e9, 7e9},
		Sources:  []string{filepath.Join(w.dir, "home/.config/ops-console/config.toml")},
		Origins:  p.Origins,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	for _, k := range keys() {
		if p.Origins[k.name] == "" {
			t.Errorf("%s has no origin: this test forgot it", k.name)
		}
	}
}

func TestWhatNeedsNoApplicationTakesDefaults(t *testing.T) {
	w := newWorld(t)
	w.user("[app.one.lint]\ntarget = 12\n[defaults.lint]\ntarget = 14\n")
	if p := w.must(Options{Anonymous: true}); p.Name != "" || p.Lint.Target != 14 {
		t.Errorf("nobody named one: got %q with target %d, want none and that of the defaults", p.Name, p.Lint.Target)
	}
	if p := w.must(Options{Anonymous: true, Name: "one"}); p.Name != "one" || p.Lint.Target != 12 {
		t.Errorf("named: got %q with target %d, want one and its own", p.Name, p.Lint.Target)
	}
}

func TestLockTimeoutIsALimit(t *testing.T) {
	for text, ok := range map[string]bool{
		"5s": true, "500ms": true, "2000": true, "1.5 min": true, "0": false, "0s": false, "": false, "soon": false, "s": false, "-1": false,
	} {
		if want := timeoutSetting(text); (want == "") != ok {
			t.Errorf("%q: %q, want it accepted: %t", text, want, ok)
		}
	}
}

func TestErrorsSayFileLineKeyAndWhatIsWanted(t *testing.T) {
	user := func(s string) func(*world) { return func(w *world) { w.user(s) } }
	project := func(s string) func(*world) { return func(w *world) { w.project(s) } }
	const own = "/home/.config/ops-console/config.toml"
	tests := []struct {
		name  string
		files func(*world)
		o     Options
		want  string
	}{
		{"unknown key", user("[app.changelog]\nenvronment = 'x'\n"), Options{}, own + ":2:1: app.changelog.envronment: there is no such key; did you mean environment?"},
		{"unknown key in a section", user("[app.changelog.probe]\nprot = 1\n"), Options{}, own + ":2:1: app.changelog.probe.prot: there is no such key; did you mean probe.port?"},
		{"key without its section", user("[defaults]\nport = 1\n"), Options{}, own + ":2:1: defaults.port: there is no such key; did you mean probe.port?"},
		{"unknown section", user("[app.changelog.prob]\nport = 1\n"), Options{}, own + ":1:16: app.changelog.prob: there is no such key"},
		{"unknown top", user("[default]\nx = 1\n"), Options{}, own + ":1:2: default: there is no such key; did you mean defaults?"},
		{"unlike anything", user("[app.changelog]\nxyzzy_plugh = 1\n"), Options{}, own + ":2:1: app.changelog.xyzzy_plugh: there is no such key"},
		{"other apps are checked too", user("[app.other]\nprobe.port = 70000\n"), Options{}, own + ":2:7: app.other.probe.port: a whole number from 0 to 65535 is wanted here, not the number 70000"},
		{"wrong type", user("[app.changelog]\nprobe.port = '80'\n"), Options{}, own + ":2:7: app.changelog.probe.port: a whole number from 0 to 65535 is wanted here, not the text \"80\""},
		{"section is no table", user("[app.changelog]\nprobe = 1\n"), Options{}, own + ":2:1: app.changelog.probe: a table is wanted here, not the number 1"},
		{"app is no table", user("app = 'changelog'\n"), Options{}, own + ":1:1: app: a table is wanted here, not the text \"changelog\": keys of an app stand under [app.NAME]"},
		{"app name", user("[app.'Change Log']\n"), Options{}, own + ":1:6: app.\"Change Log\": \"Change Log\" is not a name of at most 63 lower case letters, digits and dashes, not beginning or ending in one"},
		{"word", user("[app.changelog]\nnetwork.mode = 'tunnel'\n"), Options{}, own + ":2:9: app.changelog.network.mode: auto, user, interface or direct is wanted here, not the text \"tunnel\""},
		{"duration", user("[app.changelog]\ninterval.dns = 5\n"), Options{}, own + ":2:10: app.changelog.interval.dns: a duration from \"100ms\" to \"24h0m0s\" is wanted here, not the number 5"},
		{"url", user("[app.changelog]\napi.web = 'api.fly.io'\n"), Options{}, own + ":2:5: app.changelog.api.web: a URL that begins with http:// or https:// is wanted here, not the text \"api.fly.io\""},
		{"url with password", user("[app.changelog]\napi.web = 'https://a:b@api.fly.io'\n"), Options{}, "a URL without a user name or password is wanted here"},
		{"status", user("[app.changelog]\nprobe.status = '2xx'\n"), Options{}, own + ":2:7: app.changelog.probe.status: statuses and ranges from 100 to 599 like \"200-399\" or \"200,204\" is wanted here, not the text \"2xx\""},
		{"regexp", user("[app.changelog]\nagree = [{ path = '/', ignore = ['('] }]\n"), Options{}, own + ":2:1: app.changelog.agree: regular expressions in ignore (\"(\" is none: missing closing ): `(`) is wanted here, not a list"},
		{"agree key", user("[[app.changelog.agree]]\npaths = '/'\n"), Options{}, "only path, ignore and headers in each (paths is not known, line 2)"},
		{"header injection", user("[app.changelog]\nprobe.headers = { a = \"b\\r\\nc: d\" }\n"), Options{}, "header values on one line is wanted here, not a table"},
		{"other user's home", user("[app.changelog]\nnetwork.config = '~root/x'\n"), Options{}, "a path that begins with ~/ or without ~"},
		{"several at once", user("[app.changelog]\nprobe.port = -1\nnope_nope = 1\n"), Options{}, own + ":2:7: app.changelog.probe.port: a whole number from 0 to 65535 is wanted here, not the number -1\n" + own + ":3:1: app.changelog.nope_nope: there is no such key"},
		{"secret in the project", project("[app.changelog]\napi.token = 'fo1_abcdef'\n"), Options{}, "/src/ops-console.toml:2:5: app.changelog.api.token: a secret does not belong in a project's file: put it into your own config.toml, or name a file with api.token_file there"},
		{"secret header in the project", project("[app.changelog]\nprobe.headers = { Authorization = 'x' }\n"), Options{}, "app.changelog.probe.headers: a secret does not belong in a project's file"},
		{"untrusted project", project("[app.changelog]\napi.machines = 'https://evil.example'\n"), Options{}, "/src/ops-console.toml:2:5: app.changelog.api.machines: a project's file may say this only if you trust the project: add trust = [\"/src\"] at the top of your own config.toml"},
		{"untrusted command", project("[app.changelog]\ncluster.command = ['x']\n"), Options{}, "app.changelog.cluster.command: a project's file may say this only if you trust the project"},
		{"project that trusts itself", project("trust = ['.']\n"), Options{}, "/src/ops-console.toml:1:1: trust: a project cannot trust itself: this belongs in your own config.toml"},
		{"readable secret", func(w *world) {
			w.write("home/.config/ops-console/config.toml", "[defaults]\napi.token = 'fo1_abcdef'\n", 0o644)
		}, Options{}, own + " holds secrets but may be read by others (mode 0644): run chmod 600 " + own},
		{"readable secret header", func(w *world) {
			w.write("home/.config/ops-console/config.toml", "[defaults]\nagree = [{ path = '/', headers = { Cookie = 'a' } }]\n", 0o640)
		}, Options{}, own + " holds secrets but may be read by others (mode 0640)"},
		{"token of the wrong type is not shown", user("[defaults]\napi.token = 'fo1 secret words'\n"), Options{}, own + ":2:5: defaults.api.token: a token of the platform's in quotes is wanted here"},
		{"bad variable", func(w *world) { w.env["OPS_CONSOLE_PROBE_PORT"] = "http" }, Options{}, "$OPS_CONSOLE_PROBE_PORT: a whole number from 0 to 65535 is wanted, not \"http\""},
		{"bad name", func(*world) {}, Options{Name: "../etc"}, "--app \"../etc\": not a name of at most 63 lower case letters, digits and dashes, not beginning or ending in one"},
		{"no config file", func(*world) {}, Options{ConfigFile: "/nowhere.toml"}, "--config /nowhere.toml: there is no such file"},
		{"no project", func(*world) {}, Options{ProjectDir: "/nowhere"}, "--project /nowhere: there is no such directory"},
		{"password of the database in the project", project("[app.changelog]\ndatabase.url = 'postgres://u:hunter2@h/d'\n"), Options{}, "app.changelog.database.url: a secret does not belong in a project's file: put it into your own config.toml, or name database.url_file or database.url_env there"},
		{"password of a replica in the project", project("[app.changelog]\ndatabase.replicas = [{ name = 'a', url = 'host=h password=hunter2' }]\n"), Options{}, "app.changelog.database.replicas: a secret does not belong in a project's file: put it into your own config.toml, or name url_env there"},
		{"database of an untrusted project", project("[app.changelog]\ndatabase.url = 'postgres://u@h/d'\n"), Options{}, "app.changelog.database.url: a project's file may say this only if you trust the project"},
		{"replicas of an untrusted project", project("[app.changelog]\ndatabase.replicas = [{ name = 'a', url_env = 'X' }]\n"), Options{}, "app.changelog.database.replicas: a project's file may say this only if you trust the project"},
		{"readable password of the database", func(w *world) {
			w.write("home/.config/ops-console/config.toml", "[defaults]\ndatabase.url = 'postgres://u:hunter2@h/d'\n", 0o644)
		}, Options{}, own + " holds secrets but may be read by others (mode 0644)"},
		{"readable password of a replica", func(w *world) {
			w.write("home/.config/ops-console/config.toml", "[defaults]\ndatabase.replicas = [{ name = 'a', url = 'postgres://u:hunter2@h/d' }]\n", 0o644)
		}, Options{}, own + " holds secrets but may be read by others (mode 0644)"},
		{"connection string that is none", user("[defaults]\ndatabase.url = 'postgres://u:hunter2:x@@h::/d'\n"), Options{}, "defaults.database.url: a connection string like \"postgres://user@host:5432/database\" (an IPv6 address stands in brackets, and a password with : in it must have that as %3A) is wanted here"},
		{"connection string of a variable", func(w *world) { w.env["OPS_CONSOLE_DATABASE_URL"] = "mysql://u:hunter2@h" }, Options{}, "$OPS_CONSOLE_DATABASE_URL: a connection string like \"postgres://user@host:5432/database\""},
		{"replica without an address", user("[defaults]\ndatabase.replicas = [{ name = 'a' }]\n"), Options{}, "each with a url or a url_env (a has neither) is wanted here"},
		{"replica without a name", user("[defaults]\ndatabase.replicas = [{ url_env = 'A' }]\n"), Options{}, "each with a name: a name of at most 64 letters, digits, dots, dashes and underscores is wanted here"},
		{"two replicas of a name", user("[defaults]\ndatabase.replicas = [{ name = 'a', url_env = 'A' }, { name = 'a', url_env = 'B' }]\n"), Options{}, "each with a name of its own (a is there twice) is wanted here"},
		{"replica's url", user("[defaults]\ndatabase.replicas = [{ name = 'a', url = 'hunter2' }]\n"), Options{}, "each with a url that is a connection string"},
		{"replica's key", user("[defaults]\ndatabase.replicas = [{ nam = 'a' }]\n"), Options{}, "only name, region, url and url_env in each (nam is not known, line 2)"},
		{"role", user("[defaults]\ndatabase.user = ''\n"), Options{}, "a name of at most 63 bytes on one line is wanted here"},
		{"not TOML", user("[app\n"), Options{}, own + ":1:5: not TOML: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.files(w)
			if tt.o.Name == "" {
				tt.o.Name = "changelog"
			}
			_, err := w.load(tt.o)
			if err == nil || !strings.Contains(w.short(err.Error()), tt.want) {
				t.Errorf("\ngot  %v\nwant %s", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret words") || strings.Contains(err.Error(), "hunter2")) {
				t.Error("the error shows a secret")
			}
		})
	}
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	if _, err := w.load(Options{}); err == nil || !strings.HasPrefix(err.Error(), "no app named: say --app NAME") {
		t.Errorf("got %v", err)
	}
	w.user("[app.one]\n[app.two]\n")
	if _, err := w.load(Options{}); err == nil || err.Error() != "no app named: say --app with one of one, two" {
		t.Errorf("got %v", err)
	}
	w.env["OPS_CONSOLE_APP"] = "two"
	if p := w.must(Options{}); p.Name != "two" {
		t.Errorf("got %s", p.Name)
	}
	given := w.write("given.toml", "[app.changelog]\n", 0o644)
	if _, err := w.load(Options{Name: "chanelog", ConfigFile: given}); err == nil || w.short(err.Error()) != "--app chanelog: /given.toml has no [app.chanelog], only changelog" {
		t.Errorf("got %v", err)
	}
	w.env["OPS_CONSOLE_APP"] = ""
	if p := w.must(Options{ConfigFile: given}); p.Name != "changelog" {
		t.Errorf("got %s", p.Name)
	}
}

func TestTrustedProjectMaySayEverythingButSecrets(t *testing.T) {
	w := newWorld(t)
	w.user("trust = ['~/../src']\n")
	w.project("[app.changelog]\ncluster.command = ['x']\napi.machines = 'https://example.com'\n")
	p := w.must(Options{Name: "changelog"})
	if p.API.Machines != "https://example.com" || len(p.Cluster.Command) != 1 {
		t.Errorf("got %+v", p)
	}
	w.project("[app.changelog]\napi.token = 'fo1_abcdef'\n")
	if _, err := w.load(Options{Name: "changelog"}); err == nil {
		t.Error("a secret was taken from a project's file")
	}
}

func TestProjectFileIsNotLookedForAboveTheRepository(t *testing.T) {
	w := newWorld(t)
	w.write("ops-console.toml", "[app.changelog]\nenvironment = 'planted'\n", 0o644)
	if p := w.must(Options{Name: "changelog"}); p.Environment != "production" {
		t.Error("a file above the repository was read")
	}
	w.mkdir("plain/deep")
	w.write("plain/ops-console.toml", "[app.changelog]\nenvironment = 'planted'\n", 0o644)
	if p := w.must(Options{Name: "changelog", Dir: filepath.Join(w.dir, "plain/deep")}); p.Environment != "production" {
		t.Error("a file above the directory was read outside of a repository")
	}
	if p := w.must(Options{Name: "changelog", Dir: filepath.Join(w.dir, "plain")}); p.Environment != "planted" {
		t.Error("the directory's own file was not read")
	}
}

func TestTokenSources(t *testing.T) {
	tests := []struct {
		name  string
		user  string
		env   map[string]string
		want  string
		files map[string]string
	}{
		{name: "none", want: "!no access token"},
		{name: "flyctl", files: map[string]string{"home/.fly/config.yml": "access_token: fo1_flyctl\n"}, want: "fo1_flyctl"},
		{name: "variable over flyctl", env: map[string]string{"FLY_ACCESS_TOKEN": "fo1_env"}, files: map[string]string{"home/.fly/config.yml": "access_token: fo1_flyctl\n"}, want: "fo1_env"},
		{name: "older variable", env: map[string]string{"FLY_API_TOKEN": "fo1_old"}, want: "fo1_old"},
		{name: "file over variable", user: "[defaults]\napi.token_file = 'tok'\n", env: map[string]string{"FLY_ACCESS_TOKEN": "fo1_env"}, files: map[string]string{"home/.config/ops-console/tok": "FlyV1 fm2_file\n"}, want: "fm2_file"},
		{name: "a configured file that is missing is not replaced", user: "[defaults]\napi.token_file = 'tok'\n", env: map[string]string{"FLY_ACCESS_TOKEN": "fo1_env"}, want: "!no access token: looked at "},
		{name: "token over variable", user: "[defaults]\napi.token = 'fo1_conf'\n", env: map[string]string{"FLY_ACCESS_TOKEN": "fo1_env"}, want: "fo1_conf"},
		{name: "named variable over all", user: "[defaults]\napi.token = 'fo1_conf'\napi.token_env = 'MINE'\n", env: map[string]string{"MINE": "fo1_mine"}, want: "fo1_mine"},
		{name: "a named variable that is empty is not replaced", user: "[defaults]\napi.token_env = 'MINE'\n", env: map[string]string{"FLY_ACCESS_TOKEN": "fo1_env"}, want: "!no access token: looked at $MINE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.user != "" {
				w.user(tt.user)
			}
			for k, v := range tt.env {
				w.env[k] = v
			}
			for name, s := range tt.files {
				w.write(name, s, 0o600)
			}
			tok, err := w.must(Options{Name: "changelog"}).TokenSource(w.getenv)(context.Background())
			got := tok.Reveal()
			if err != nil {
				got = "!" + err.Error()
				if !errors.Is(err, fly.ErrNoToken) {
					t.Errorf("not ErrNoToken: %v", err)
				}
			}
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	set, err := ParseStatus("200-299, 304,401")
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]bool{199: false, 200: true, 250: true, 299: true, 300: false, 304: true, 401: true, 402: false} {
		if set.Has(status) != want {
			t.Errorf("%d: got %v", status, !want)
		}
	}
	for _, bad := range []string{"", "abc", "99", "600", "300-200", "200,,300", "200-", "-200", "200-300-400", "2xx"} {
		if _, err := ParseStatus(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestPeerPath(t *testing.T) {
	env := map[string]string{"HOME": "/home/me"}
	getenv := func(k string) string { return env[k] }
	if got, err := PeerPath(getenv, "changelog-media"); got != "/home/me/.local/state/ops-console/peers/changelog-media.conf" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	env["XDG_STATE_HOME"] = "/state"
	if got, _ := PeerPath(getenv, "x"); got != "/state/ops-console/peers/x.conf" {
		t.Errorf("got %s", got)
	}
	env["XDG_STATE_HOME"] = "relative"
	if got, _ := PeerPath(getenv, "x"); got != "/home/me/.local/state/ops-console/peers/x.conf" {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "../x", "a/b", "A"} {
		if _, err := PeerPath(getenv, bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := PeerPath(func(string) string { return "" }, "x"); err == nil {
		t.Error("no home was accepted")
	}
}

// uncommented is the example with everything it shows switched on.
func uncommented() string {
	return regexp.MustCompile(`(?m)^# ([a-z0-9_.]+ = )`).ReplaceAllString(Example(), "$1")
}

func TestExampleIsReadAsItIsAndWithEverythingSwitchedOn(t *testing.T) {
	for name, text := range map[string]string{"as it is": Example(), "switched on": uncommented()} {
		f, _, err := parse("example.toml", []byte(text), ownFile, place{"/x", "/home"}, true)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := 0
		each(f.apps["changelog"], func(key, *tomlfile.Value) { n++ })
		if want := map[string]int{"as it is": 0, "switched on": len(keys())}[name]; n != want {
			t.Errorf("%s: %d keys, want %d", name, n, want)
		}
	}
}

func TestDocsAreWhatTheKeysSay(t *testing.T) {
	const path = "../../docs/configuration.md"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Reference(), string(got)); diff != "" {
		t.Errorf("run make docs: %s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Example()))
	f.Add([]byte(uncommented()))
	f.Add([]byte("[app.a]\nprobe.port = 1\n[defaults]\nagree = [{path = '/', ignore = ['(']}]\ntrust = 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, k := range []kind{ownFile, projectFile} {
			file, secret, err := parse("f", data, k, place{"/d", "/h"}, false)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "f:") {
					t.Errorf("the error does not name the file: %v", err)
				}
				continue
			}
			if secret && k == projectFile {
				t.Error("a project's file with a secret was accepted")
			}
			p := defaults()
			l := &loader{}
			l.apply(p, file, file.defaults)
			for _, n := range file.names() {
				l.apply(p, file, file.apps[n])
			}
			if _, err := ParseStatus(p.Probe.Status); err != nil {
				t.Error(err)
			}
		}
	})
}
