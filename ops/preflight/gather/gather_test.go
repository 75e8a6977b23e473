package gather

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/project"
	"ops-console/ops/fly"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/pgcluster"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/replication"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// platform answers with what it holds; Machines never answers where it is told to hang.
type platform struct {
	machines []fly.Machine
	leases   map[string]*fly.Lease
	err      error
	hang     bool
}

func (p platform) App(context.Context, string) (fly.App, error) {
	return fly.App{MachineCount: len(p.machines)}, p.err
}

func (p platform) Machines(ctx context.Context, _ string) ([]fly.Machine, error) {
	if p.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.machines, p.err
}

func (p platform) LeaseOf(_ context.Context, _, id string) (*fly.Lease, error) {
	if id == "gone" {
		return nil, fly.ErrNotFound
	}
	return p.leases[id], nil
}

func (p platform) WebReleases(context.Context, string, int) ([]fly.Release, error) {
	return []fly.Release{{Version: 3}}, p.err
}

func (p platform) Secrets(context.Context, string) ([]fly.Secret, error) { return nil, p.err }
func (p platform) Volumes(context.Context, string) ([]fly.Volume, error) { return nil, p.err }
func (p platform) Regions(context.Context) ([]fly.Region, string, error) {
	return []fly.Region{{Code: "iad"}}, "iad", p.err
}

type images struct{ asked []string }

func (i *images) Image(_ context.Context, ref registry.Ref) (registry.Image, error) {
	i.asked = append(i.asked, ref.String())
	return registry.Image{Digest: "sha256:x"}, nil
}

func TestWhatNobodyIsAskedForIsNotKnown(t *testing.T) {
	r := preflight.Evaluate(Facts(t.Context(), Options{}))
	if r.Known() {
		t.Errorf("something is known: %+v", r.Counts)
	}
	for id, why := range map[string]string{
		"fleet.machines": "no application is named", "database.free": "the profile names no database", "start.release": "no project's directory is known",
		"backup.newest": "no place where backups are kept",
	} {
		if i, _ := r.Item(id); !strings.Contains(i.Why, why) {
			t.Errorf("%s: %s", id, i.Why)
		}
	}
}

func TestFactsAreGathered(t *testing.T) {
	dir := write(t, map[string]string{"fly.toml": "app = \"shop\"\n[build]\nimage = \"ghcr.io/o/shop:v1\"\n"})
	reg := &images{}
	f := Facts(t.Context(), Options{
		Project: dir, Registry: reg,
		Platform: platform{
			machines: []fly.Machine{{ID: "a"}, {ID: "b"}, {ID: "gone"}},
			leases:   map[string]*fly.Lease{"b": {Owner: "ann"}},
		},
		Replication: func(context.Context) (*replication.Snapshot, error) {
			hi := 0.5
			return &replication.Snapshot{Primary: "p", Warn: 1, Critical: 5, Nodes: []replication.Node{
				{Name: "p", Region: "iad", Role: postgres.RolePrimary, ReadAt: time.Now()},
				{Name: "r", Region: "fra", Lag: replication.Lag{Hi: &hi}},
				{Name: "s", Region: "syd", Lag: replication.Lag{Hi: &hi}, Failure: &replication.NodeFailure{}},
			}}, nil
		},
		Migrations: func(context.Context) (preflight.Migrations, error) { return preflight.Migrations{Total: 1}, nil },
		Backups:    func(context.Context) (preflight.Backups, error) { return preflight.Backups{Running: true}, nil },
	})
	if f.App != "shop" || f.ImageRef != "ghcr.io/o/shop:v1" || len(reg.asked) != 1 {
		t.Errorf("app %q, image %q, asked for %v", f.App, f.ImageRef, reg.asked)
	}
	l, _ := f.Fleet.Get()
	if l.Counted != 3 || l.Leases["b"].Owner != "ann" || !strings.Contains(l.Unread, "not found") {
		t.Errorf("fleet: %+v", l)
	}
	r, _ := f.Replication.Get()
	if r.Primary != "iad" || len(r.Replicas) != 2 || r.Replicas[0].Lag != 500*time.Millisecond || r.Replicas[1].Known || r.Critical != 5*time.Second {
		t.Errorf("replication: %+v", r)
	}
	if b, _ := f.Backups.Get(); !b.Running {
		t.Error("backups are not known")
	}
	if _, ok := f.Regions.Get(); !ok {
		t.Error("regions are not known")
	}
}

func TestOneThatHangsDoesNotKeepTheOthers(t *testing.T) {
	f := Facts(t.Context(), Options{
		App: "shop", Platform: platform{hang: true}, Timeout: 50 * time.Millisecond,
		Backups: func(ctx context.Context) (preflight.Backups, error) {
			<-ctx.Done()
			return preflight.Backups{}, ctx.Err()
		},
	})
	if _, ok := f.Releases.Get(); !ok {
		t.Errorf("releases: %s", f.Releases.Why())
	}
	for what, why := range map[string]string{"fleet": f.Fleet.Why(), "backups": f.Backups.Why()} {
		if !strings.Contains(why, "deadline") {
			t.Errorf("%s: %q", what, why)
		}
	}
	f = Facts(t.Context(), Options{App: "shop", Platform: platform{err: fly.ErrUnavailable}})
	if why := f.Secrets.Why(); !strings.Contains(why, "unavailable") {
		t.Errorf("secrets: %q", why)
	}
}

func TestAFlyTomlCanLieElsewhere(t *testing.T) {
	dir := write(t, map[string]string{"mix.exs": "", "deploy/prod.toml": `app = "inside"`})
	other := write(t, map[string]string{"x.toml": `app = "outside"`})
	for path, want := range map[string]string{filepath.Join(dir, "deploy/prod.toml"): "inside", filepath.Join(other, "x.toml"): "outside"} {
		tree, err := Source(dir, path, "")
		if err != nil || tree.Fly == nil || tree.Fly.App != want {
			t.Errorf("%s: %+v, %v", path, tree, err)
		}
	}
	if _, err := Source(dir, filepath.Join(dir, "none.toml"), ""); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := Source(filepath.Join(dir, "none"), "", ""); err == nil {
		t.Error("a project that is not there was read")
	}
}

func TestPendingMigrationsAreJudged(t *testing.T) {
	migration := func(name, body string) string {
		return "defmodule Shop.Repo.Migrations." + name + " do\n  use Ecto.Migration\n  def change do\n    " + body + "\n  end\nend\n"
	}
	dir := write(t, map[string]string{
		"mix.exs":           "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n",
		"config/config.exs": "import Config\nconfig :shop, ecto_repos: [Shop.Repo]\n",
		"lib/shop/repo.ex":  "defmodule Shop.Repo do\n  use Ecto.Repo, otp_app: :shop, adapter: Ecto.Adapters.Postgres\nend\n",
		"priv/repo/migrations/20260101000000_a.exs": migration("A", "create table(:a)"),
		"priv/repo/migrations/20260102000000_b.exs": migration("B", "create index(:a, [:id])"),
		"priv/repo/migrations/20260103000000_c.exs": migration("C", "rename table(:a), to: table(:c)"),
	})
	ran := func(versions ...int64) Catalog {
		return func(context.Context, project.Repo) (*catalog.Snapshot, error) {
			s := &catalog.Snapshot{Version: 160000}
			for _, v := range versions {
				s.Applied = append(s.Applied, catalog.Applied{Version: v})
			}
			return s, nil
		}
	}
	judged := func(read Catalog) preflight.Migrations {
		t.Helper()
		m, err := Migrations(dir, lint.Options{}, read, "nobody is asked")(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := judged(ran(20260101000000, 20260102000000, 20250101000000))
	if m.Known != "" || m.Total != 3 || m.Missing != 1 || len(m.Pending) != 1 || len(m.Pending[0].Findings) == 0 || m.Pending[0].Findings[0].Text == "" {
		t.Errorf("one pending: %+v", m)
	}
	m = judged(ran(20260101000000, 20260103000000))
	if len(m.Pending) != 1 || !m.Pending[0].OutOfOrder {
		t.Errorf("one out of order: %+v", m)
	}
	if m = judged(nil); m.Known != "nobody is asked" || m.Total != 3 || len(m.Pending) > 0 {
		t.Errorf("without a database: %+v", m)
	}
	m = judged(func(context.Context, project.Repo) (*catalog.Snapshot, error) { return nil, errors.New("it is down") })
	if m.Known != "it is down" {
		t.Errorf("a database that is down: %+v", m)
	}
	empty, err := Migrations(t.TempDir(), lint.Options{}, nil, "")(t.Context())
	if err != nil || empty.Total != 0 || empty.Known == "" {
		t.Errorf("no migrations at all: %+v, %v", empty, err)
	}
}

func TestAServerSaysWhatADeployWouldMeet(t *testing.T) {
	c, err := pgcluster.Start(context.WithoutCancel(t.Context()), pgcluster.Options{})
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		t.Skip("needs a PostgreSQL server: apt-get install postgresql, or run .ci/postgres")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := pgx.ParseConfig(c.Primary().URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func() preflight.Server {
		t.Helper()
		conn, err := postgres.Connect(t.Context(), postgres.Node{Name: "db1", Region: "iad", Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background()) //nolint:errcheck // it was read
		s, err := Server(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := ask()
	if s.Node != "db1" || s.Region != "iad" || s.MaxConnections == 0 || s.Reserved == 0 || s.Used == 0 || s.Standby || s.Version == "" || len(s.Dumps) > 0 {
		t.Errorf("%+v", s)
	}
	dumping := cfg.Copy()
	dumping.RuntimeParams["application_name"] = "pg_dump"
	d, err := pgx.ConnectConfig(t.Context(), dumping)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background()) //nolint:errcheck // it did nothing
	s = ask()
	if len(s.Dumps) != 1 || s.Dumps[0].Application != "pg_dump" || s.Dumps[0].PID != int(d.PgConn().PID()) || time.Since(s.Dumps[0].Since) > time.Hour {
		t.Errorf("with a dump: %+v", s.Dumps)
	}
}
