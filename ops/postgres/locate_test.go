package postgres

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/config"
	"ops-console/ops/fly"
)

// env is an environment, and the clock, of a test.
type env map[string]string

func (e env) get(k string) string { return e[k] }

// platform lists machines, or fails.
type platform struct {
	mm    []fly.Machine
	err   error
	asked int
}

func (p *platform) Machines(context.Context, string) ([]fly.Machine, error) {
	p.asked++
	return p.mm, p.err
}

// names is the network's DNS.
type names struct {
	txt map[string]string
	ips map[string]string
	err error
}

func (n names) LookupTXT(_ context.Context, name string) ([]string, error) {
	if n.err != nil {
		return nil, n.err
	}
	if s, ok := n.txt[name]; ok {
		return []string{s}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (n names) LookupNetIP(_ context.Context, host string) ([]netip.Addr, error) {
	if n.err != nil {
		return nil, n.err
	}
	if s, ok := n.ips[host]; ok {
		return []netip.Addr{netip.MustParseAddr(s)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// seen is what a test compares of a node.
type seen struct {
	Name, Region, Key, From, Login string
	Expect                         Role
	Direct, TLS, Verified          bool
	Notes                          []string
}

func look(nn []Node) []seen {
	var out []seen
	for _, n := range nn {
		out = append(out, seen{
			Name: n.Name, Region: n.Region, Key: n.Key(), From: n.From, Expect: n.Expect, Direct: n.Direct, Notes: n.Notes,
			Login: n.Config.User + ":" + n.Config.Password + "@" + n.Config.Database,
			TLS:   n.Config.TLSConfig != nil, Verified: n.Config.TLSConfig != nil && !n.Config.TLSConfig.InsecureSkipVerify,
		})
	}
	return out
}

const proxyNote = "in a Fly Postgres app port 5432 is HAProxy, which leads to the primary whichever machine is asked; a machine's own PostgreSQL is at 5433"

func TestNodesOfAProfile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := write("url", "postgres://u:filed@db.example.com/app\n", 0o600)
	open := write("open", "postgres://u:hunter2@db.example.com/app\n", 0o644)
	harmless := write("harmless", "postgres://u@db.example.com/app\n", 0o644)
	services := write("services", "[changelog]\nhost=db.example.com\nport=5433\nuser=served\n", 0o644)
	passwords := write("pgpass", "db.example.com:*:*:u:from-file\n", 0o600)
	loose := write("loose", "*:*:*:*:hunter2\n", 0o644)

	tests := []struct {
		name string
		d    config.Database
		env  env
		want []seen
		err  string
	}{
		{
			name: "outside", d: config.Database{URL: "postgres://u:p@db.example.com/app"},
			want: []seen{{Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "u:p@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "outside, not checked", d: config.Database{URL: "postgres://u:p@db.example.com/app?sslmode=require"},
			want: []seen{{
				Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "u:p@app", Expect: RolePrimary, Direct: true, TLS: true,
				Notes: []string{"sslmode=require in the connection string: the server's certificate is not checked"},
			}},
		},
		{
			name: "outside, in the clear", d: config.Database{URL: "postgres://u:p@192.0.2.7/app?sslmode=disable"},
			want: []seen{{
				Name: "192.0.2.7:5432", Key: "192.0.2.7:5432", From: "profile", Login: "u:p@app", Expect: RolePrimary, Direct: true,
				Notes: []string{"sslmode=disable in the connection string: what is asked and answered may travel unencrypted"},
			}},
		},
		{
			name: "Ecto's TLS is checked outside", d: config.Database{URL: "ecto://u:p@db.example.com/app?ssl=true&pool_size=10"},
			want: []seen{{Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "u:p@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "inside", d: config.Database{URL: "postgres://iad.changelog-db.internal:5433"},
			want: []seen{{Name: "iad.changelog-db.internal:5433", Region: "iad", Key: "iad.changelog-db.internal:5433", From: "profile", Login: "postgres:@postgres", Expect: RolePrimary}},
		},
		{
			name: "inside, at the proxy", d: config.Database{URL: "postgres://changelog-db.flycast/app?sslmode=disable"},
			want: []seen{{Name: "changelog-db.flycast:5432", Region: "ord", Key: "changelog-db.flycast:5432", From: "profile", Login: "postgres:@app", Expect: RolePrimary, Notes: []string{proxyNote}}},
		},
		{
			name: "several hosts", d: config.Database{URL: "postgres://u:p@[fdaa:0:1::3]:5433,e286039f003867.vm.changelog-db.internal:5433,direct.abc.flympg.net/app"},
			want: []seen{
				{Name: "[fdaa:0:1::3]:5433", Key: "[fdaa:0:1::3]:5433", From: "profile", Login: "u:p@app"},
				{Name: "e286039f003867", Key: "e286039f003867.vm.changelog-db.internal:5433", From: "profile", Login: "u:p@app"},
				{Name: "direct.abc.flympg.net:5432", Key: "direct.abc.flympg.net:5432", From: "profile", Login: "u:p@app"},
			},
		},
		{
			name: "this machine", d: config.Database{URL: "postgres:///app?host=/run/postgresql"},
			want: []seen{{Name: "/run/postgresql:5432", Key: "/run/postgresql:5432", From: "profile", Login: "postgres:@app", Expect: RolePrimary, Direct: true}},
		},
		{
			name: "via the network", d: config.Database{URL: "postgres://u:p@10.1.2.3:5433/app", Via: "network"},
			want: []seen{{Name: "10.1.2.3:5433", Region: "ord", Key: "10.1.2.3:5433", From: "profile", Login: "u:p@app", Expect: RolePrimary}},
		},
		{
			name: "replicas", d: config.Database{
				URL: "postgres://u:p@db.example.com:5433/app?sslmode=verify-full",
				Replicas: []config.DatabaseNode{
					{Name: "lax-1", Region: "us-west-1", URL: "postgres://db-lax.example.com"},
					{Name: "syd-1", URLEnv: "SYD"},
					{Name: "again", URL: "postgres://db.example.com"},
				},
			},
			env: env{"SYD": "host=syd.changelog-db.internal user=other dbname=copy"},
			want: []seen{
				{Name: "db.example.com:5433", Key: "db.example.com:5433", From: "profile", Login: "u:p@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true},
				{Name: "lax-1", Region: "us-west-1", Key: "db-lax.example.com:5433", From: "profile", Login: "u:p@app", Expect: RoleReplica, Direct: true, TLS: true, Verified: true},
				{Name: "syd-1", Region: "syd", Key: "syd.changelog-db.internal:5433", From: "profile", Login: "other:@copy", Expect: RoleReplica, TLS: true, Verified: true},
			},
		},
		{
			name: "from a variable, as another role", d: config.Database{URLEnv: "DATABASE_URL", User: "ops", Name: "postgres", Password: "OPS_PW"},
			env:  env{"DATABASE_URL": "ecto://app:p@db.example.com/app", "OPS_PW": "mine"},
			want: []seen{{Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "ops:mine@postgres", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "a password stays with its role", d: config.Database{URLEnv: "DATABASE_URL", User: "ops"},
			env:  env{"DATABASE_URL": "ecto://app:p@db.example.com/app"},
			want: []seen{{Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "ops:@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "from a file", d: config.Database{URLFile: secret},
			want: []seen{{Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "u:filed@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "from a service, with PGPASSWORD", d: config.Database{Service: "changelog"}, env: env{"PGSERVICEFILE": services, "PGPASSWORD": "w", "PGHOST": "evil.example.com", "PGPORT": "1", "PGUSER": "x", "PGDATABASE": "y", "PGSSLMODE": "disable"},
			want: []seen{{Name: "db.example.com:5433", Key: "db.example.com:5433", From: "profile", Login: "served:w@postgres", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "from a password file", d: config.Database{URLFile: harmless}, env: env{"PGPASSFILE": passwords},
			want: []seen{{Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "u:from-file@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true}},
		},
		{
			name: "from a password file that others may read", d: config.Database{URLFile: harmless}, env: env{"PGPASSFILE": loose},
			want: []seen{{
				Name: "db.example.com:5432", Key: "db.example.com:5432", From: "profile", Login: "u:@app", Expect: RolePrimary, Direct: true, TLS: true, Verified: true,
				Notes: []string{loose + " may be read by others (mode 0644) and is not used: run chmod 600 " + loose},
			}},
		},
		{name: "nothing", err: "nothing says where the database is"},
		{name: "no host", d: config.Database{URL: "postgres://u:hunter2@/app"}, env: env{"PGHOST": "evil.example.com"}, err: "the connection string names no host"},
		{name: "variable not set", d: config.Database{URLEnv: "DATABASE_URL"}, err: "$DATABASE_URL, which database.url_env names, is not set"},
		{name: "variable with something else", d: config.Database{URLEnv: "DATABASE_URL"}, env: env{"DATABASE_URL": "hunter2"}, err: "$DATABASE_URL is not a connection string"},
		{name: "password's variable not set", d: config.Database{URL: "postgres://h", Password: "PW"}, err: "$PW, which database.password_env names, is not set"},
		{name: "file that others may read", d: config.Database{URLFile: open}, err: "holds a password but may be read by others (mode 0644): run chmod 600 " + open},
		{name: "no file", d: config.Database{URLFile: filepath.Join(dir, "none")}, err: "database.url_file: "},
		{name: "no service", d: config.Database{Service: "other"}, env: env{"PGSERVICEFILE": services}, err: `there is no service "other"`},
		{name: "no such mode", d: config.Database{URL: "postgres://u:hunter2@h/?sslmode=strict"}, err: "h:5432: sslmode is one of disable, allow"},
		{name: "no such certificate", d: config.Database{URL: "postgres://u:hunter2@h/?sslmode=verify-full&sslrootcert=/nowhere"}, err: "unable to read CA file: open /nowhere"},
		{name: "hunter's file", d: config.Database{URL: "postgres://u:hunter2@h/?sslmode=verify-full&sslrootcert=/hunter2"}, err: "unable to read CA file: open /***"},
		{
			name: "a replica that cannot be", d: config.Database{URL: "postgres://db.internal:5433", Replicas: []config.DatabaseNode{{Name: "a", URLEnv: "A"}, {Name: "b", URL: "user=hunter2"}}},
			want: []seen{{Name: "db.internal:5433", Region: "ord", Key: "db.internal:5433", From: "profile", Login: "postgres:@postgres", Expect: RolePrimary}},
			err:  "replica a: $A, which its url_env names, is not set\nreplica b: its connection string names no host",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k := range tt.env { // the driver reads the real ones
				t.Setenv(k, tt.env[k])
			}
			nn, err := NewLocator(Options{Database: tt.d, PrimaryRegion: "ord", Getenv: tt.env.get}).Nodes(t.Context())
			if diff := cmp.Diff(tt.want, look(nn)); diff != "" {
				t.Error(diff)
			}
			switch {
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("got error %v, want %s", err, tt.err)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error shows a secret: %v", err)
			case err != nil && failure(t, err).Kind != FailConfig:
				t.Errorf("kind %s", failure(t, err).Kind)
			}
		})
	}
}

// flex is a machine of a Fly Postgres app.
func flex(id, region, ip, role string) fly.Machine {
	return fly.Machine{
		ID: id, Region: region, PrivateIP: ip, State: fly.StateStarted, HostStatus: fly.HostOK,
		Config: &fly.MachineConfig{Metadata: map[string]string{"fly-managed-postgres": "true"}},
		Checks: []fly.CheckStatus{{Name: "pg", Status: fly.CheckPassing}, {Name: "role", Status: fly.CheckPassing, Output: role}},
	}
}

func TestMachinesOfAFlyPostgresApp(t *testing.T) {
	stopped := flex("a6", "iad", "fdaa:0:1:a7b:1::6", "replica")
	stopped.State = fly.StateStopped
	lost := flex("a7", "syd", "fdaa:0:1:a7b:1::7", "replica")
	lost.State, lost.HostStatus, lost.Config, lost.Checks = fly.StateStopped, fly.HostUnreachable, nil, nil
	lost.IncompleteConfig = &fly.MachineConfig{Metadata: map[string]string{"fly-managed-postgres": "true"}}
	failing := flex("a8", "fra", "fdaa:0:1:a7b:1::8", "500 Internal Server Error")
	failing.Checks[1].Status = fly.CheckCritical
	nowhere := flex("a9", "gru", "", "replica\n")
	p := &platform{mm: []fly.Machine{
		flex("a2", "lax", "fdaa:0:1:a7b:1::2", "replica"), flex("a1", "iad", "fdaa:0:1:a7b:1::1", "primary"),
		flex("a3", "iad", "fdaa:0:1:a7b:1::3", "witness"), flex("a4", "iad", "fdaa:0:1:a7b:1::4", "barman"),
		{ID: "a5", Region: "iad", State: fly.StateStarted, PrivateIP: "fdaa:0:1:a7b:1::5"},
		stopped, lost, failing, nowhere,
	}}
	passwords := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(passwords, []byte("fdaa\\:0\\:1\\:a7b\\:1\\:\\:2:5433:*:*:for-one\nchangelog-db.internal:5432:*:postgres:for-all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := env{"PGPASSFILE": passwords}
	nn, err := NewLocator(Options{Database: config.Database{App: "changelog-db", Name: "app"}, Platform: p, Getenv: e.get}).Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const from = "app changelog-db"
	want := []seen{
		{Name: "a8", Region: "fra", Key: "[fdaa:0:1:a7b:1::8]:5433", From: from, Login: "postgres:for-all@app"},
		{Name: "a9", Region: "gru", Key: "a9.vm.changelog-db.internal:5433", From: from, Login: "postgres:for-all@app", Expect: RoleReplica},
		{Name: "a1", Region: "iad", Key: "[fdaa:0:1:a7b:1::1]:5433", From: from, Login: "postgres:for-all@app", Expect: RolePrimary},
		{Name: "a2", Region: "lax", Key: "[fdaa:0:1:a7b:1::2]:5433", From: from, Login: "postgres:for-one@app", Expect: RoleReplica},
		{Name: "a7", Region: "syd", Key: "[fdaa:0:1:a7b:1::7]:5433", From: from, Login: "postgres:for-all@app"},
	}
	if diff := cmp.Diff(want, look(nn)); diff != "" {
		t.Error(diff)
	}
}

func TestMachinesFromDNSWhereThePlatformDoesNotAnswer(t *testing.T) {
	dns := names{
		txt: map[string]string{"vms.changelog-db.internal": "a2 lax,a1 iad, a3 iad,../x y,a4"},
		ips: map[string]string{
			"a1.vm.changelog-db.internal": "fdaa:0:1:a7b:1::1", "a2.vm.changelog-db.internal": "fdaa:0:1:a7b:1::2", "a4.vm.changelog-db.internal": "fdaa:0:1:a7b:1::4",
		},
	}
	p := &platform{err: errors.New("platform: 503")}
	e := env{"PGPASSWORD": "p"}
	nn, err := NewLocator(Options{Database: config.Database{App: "changelog-db"}, Platform: p, Resolver: dns, Getenv: e.get}).Nodes(t.Context())
	const from = "app changelog-db"
	want := []seen{
		{Name: "a4", Key: "[fdaa:0:1:a7b:1::4]:5433", From: from, Login: "postgres:p@postgres"},
		{Name: "a1", Region: "iad", Key: "[fdaa:0:1:a7b:1::1]:5433", From: from, Login: "postgres:p@postgres"},
		{Name: "a2", Region: "lax", Key: "[fdaa:0:1:a7b:1::2]:5433", From: from, Login: "postgres:p@postgres"},
	}
	if diff := cmp.Diff(want, look(nn)); diff != "" {
		t.Error(diff)
	}
	if err == nil || err.Error() != "the platform did not say which machines changelog-db has, these are from the network's DNS: platform: 503" {
		t.Errorf("got %v", err)
	}
}

func TestTheLastListStaysWhenNobodyAnswers(t *testing.T) {
	p := &platform{mm: []fly.Machine{flex("a1", "iad", "fdaa:0:1:a7b:1::1", "primary")}}
	now := time.Unix(1_700_000_000, 0)
	f := NewLocator(Options{Database: config.Database{App: "changelog-db"}, Platform: p, Getenv: env{}.get, Now: func() time.Time { return now }})
	for range 3 {
		if nn, err := f.Nodes(t.Context()); err != nil || len(nn) != 1 {
			t.Fatalf("got %v, %v", nn, err)
		}
	}
	if p.asked != 1 {
		t.Errorf("asked %d times", p.asked)
	}
	now = now.Add(freshFor)
	p.err = errors.New("platform: 503")
	nn, err := f.Nodes(t.Context())
	if len(nn) != 1 || nn[0].Name != "a1" || err == nil || !strings.Contains(err.Error(), "find the machines of changelog-db: platform: 503; and its DNS: the private network was not joined") {
		t.Errorf("got %v, %v", nn, err)
	}
	now = now.Add(freshFor)
	p.err, p.mm = nil, []fly.Machine{flex("a2", "lax", "fdaa:0:1:a7b:1::2", "primary")}
	if nn, err := f.Nodes(t.Context()); err != nil || len(nn) != 1 || nn[0].Name != "a2" || p.asked != 3 {
		t.Errorf("got %v, %v, asked %d times", nn, err, p.asked)
	}
	now = now.Add(freshFor)
	p.mm = nil
	if _, err := f.Nodes(t.Context()); err == nil || !strings.Contains(err.Error(), "has no machine that is started and runs PostgreSQL") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	<-f.turn
	if _, err := f.Nodes(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	f.turn <- struct{}{}
}

func TestInNetwork(t *testing.T) {
	for host, want := range map[string]bool{
		"db.internal": true, "DB.Internal.": true, "db.flycast": true, "direct.abc.flympg.net": true, "fdaa:0:1::3": true, "fd00::1": true,
		"internal": false, "db.example.com": false, "db.internal.example.com": false, "10.0.0.1": false, "2001:db8::1": false, "::1": false, "localhost": false, "": false,
	} {
		if got := inNetwork(host); got != want {
			t.Errorf("%s: got %v", host, got)
		}
	}
}

func FuzzParseVMs(f *testing.F) {
	f.Add("a2 lax,a1 iad")
	f.Add("\x1b[31m a,../.. b,,")
	f.Fuzz(func(t *testing.T, txt string) {
		for _, m := range parseVMs([]string{txt, txt}) {
			if !plainWord(m.id) || strings.ContainsAny(m.id+m.region, " ./\x1b") {
				t.Errorf("%+v", m)
			}
		}
	})
}
