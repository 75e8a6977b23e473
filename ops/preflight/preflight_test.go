package preflight_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/fly"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/git"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/preflight/source"
)

func TestNothingIsWrongWithAGoodApplication(t *testing.T) {
	r := newWorld().report(t)
	for _, i := range r.Items {
		if i.Result != preflight.Pass || i.Why == "" || i.Mend != "" {
			t.Errorf("%s: %s: %s (mend: %s)", i.ID, i.Result, i.Why, i.Mend)
		}
	}
	if r.Failed() || !r.Known() || r.Counts.Pass != len(preflight.Checks()) {
		t.Errorf("counts: %+v", r.Counts)
	}
}

func TestWhatIsNotKnownNeverPasses(t *testing.T) {
	r := preflight.Evaluate(&preflight.Facts{At: now})
	for _, i := range r.Items {
		if i.Result != preflight.Unknown || i.Why == "" {
			t.Errorf("%s: %s: %q", i.ID, i.Result, i.Why)
		}
	}
	if r.Known() || r.Failed() {
		t.Errorf("counts: %+v", r.Counts)
	}
}

func TestIDsAreStableAndUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range preflight.Checks() {
		if seen[c.ID] || c.Title == "" || c.Doc == "" || strings.ToLower(c.ID) != c.ID || !strings.Contains(c.ID, ".") {
			t.Errorf("%+v", c)
		}
		seen[c.ID] = true
	}
}

type spoil = func(t *testing.T, w *world)

func fact(change func(f *preflight.Facts)) spoil {
	return func(_ *testing.T, w *world) { change(w.facts) }
}

func edit(name, from, to string) spoil {
	return func(t *testing.T, w *world) { t.Helper(); w.edit(t, name, from, to) }
}

func file(name, text string) spoil {
	return func(_ *testing.T, w *world) { w.files[name] = text }
}

func gone(names ...string) spoil {
	return func(_ *testing.T, w *world) {
		for _, n := range names {
			delete(w.files, n)
		}
	}
}

func all(ss ...spoil) spoil {
	return func(t *testing.T, w *world) {
		t.Helper()
		for _, s := range ss {
			s(t, w)
		}
	}
}

func repository(change func(g *git.State)) spoil {
	return fact(func(f *preflight.Facts) {
		g, _ := f.Git.Get()
		change(&g)
		f.Git = preflight.Known(g)
	})
}

func revision(r git.Revision) spoil {
	return fact(func(f *preflight.Facts) { f.Revision = preflight.Known(r) })
}

func image(change func(i *registry.Image)) spoil {
	return fact(func(f *preflight.Facts) {
		i, _ := f.Image.Get()
		change(&i)
		f.Image = preflight.Known(i)
	})
}

func server(change func(s *preflight.Server)) spoil {
	return fact(func(f *preflight.Facts) {
		s, _ := f.Server.Get()
		change(&s)
		f.Server = preflight.Known(s)
	})
}

func fleet(change func(l *preflight.Fleet)) spoil {
	return fact(func(f *preflight.Facts) {
		l, _ := f.Fleet.Get()
		change(&l)
		f.Fleet = preflight.Known(l)
	})
}

func machines(change func(i int, m *fly.Machine)) spoil {
	return func(_ *testing.T, w *world) { w.machines(change) }
}

func releases(rr ...fly.Release) spoil {
	return fact(func(f *preflight.Facts) { f.Releases = preflight.Known(rr) })
}

func secrets(ss ...fly.Secret) spoil {
	return fact(func(f *preflight.Facts) { f.Secrets = preflight.Known(ss) })
}

func pending(pp ...preflight.Pending) spoil {
	return fact(func(f *preflight.Facts) { f.Migrations = preflight.Known(preflight.Migrations{Total: 9, Pending: pp}) })
}

func backups(change func(b *preflight.Backups)) spoil {
	return fact(func(f *preflight.Facts) {
		b, _ := f.Backups.Get()
		change(&b)
		f.Backups = preflight.Known(b)
	})
}

func replicas(rr ...preflight.Replica) spoil {
	return fact(func(f *preflight.Facts) {
		r, _ := f.Replication.Get()
		r.Replicas = rr
		f.Replication = preflight.Known(r)
	})
}

var (
	noImage = fact(func(f *preflight.Facts) { f.ImageRef, f.Image = "", preflight.Fact[registry.Image]{} })
	noSuch  = fact(func(f *preflight.Facts) {
		f.Image = preflight.Found(registry.Image{}, fmt.Errorf("ask: %w", registry.ErrNotFound))
	})
	denied = fact(func(f *preflight.Facts) {
		f.Image = preflight.Found(registry.Image{}, fmt.Errorf("ask: %w", registry.ErrDenied))
	})
	noGit    = fact(func(f *preflight.Facts) { f.Git = preflight.Found(git.State{}, git.ErrNone) })
	noSource = fact(func(f *preflight.Facts) {
		f.Source = preflight.Found[*source.Tree](nil, errors.New("no such directory"))
	})
	noFleet    = fact(func(f *preflight.Facts) { f.Fleet = preflight.NotKnown[preflight.Fleet]("no access token") })
	noSecrets  = fact(func(f *preflight.Facts) { f.Secrets = preflight.NotKnown[[]fly.Secret]("no access token") })
	noReleases = fact(func(f *preflight.Facts) { f.Releases = preflight.NotKnown[[]fly.Release]("no access token") })
	noServer   = fact(func(f *preflight.Facts) { f.Server = preflight.NotKnown[preflight.Server]("it does not answer") })
	noReplicas = fact(func(f *preflight.Facts) {
		f.Replication = preflight.NotKnown[preflight.Replication]("it does not answer")
	})
	noBackups = fact(func(f *preflight.Facts) { f.Backups = preflight.NotKnown[preflight.Backups]("no store") })
	flyless   = gone("fly.toml")
	sqlite    = edit("mix.exs", `{:postgrex, ">= 0.0.0"}`, `{:ecto_sqlite3, "~> 0.24"}`)
	flyPg     = edit("mix.exs", `{:oban,`, `{:fly_postgres, "~> 0.3"}, {:oban,`)
	noCookie  = edit("mix.exs", `releases: [shop: [cookie: "secret-word"]]`, `releases: [shop: []]`)
	bluegreen = edit("fly.toml", "[deploy]\n", "[deploy]\nstrategy = \"bluegreen\"\n")
)

// cases are what each item comes to, and a part of why.
var cases = []struct {
	id    string
	want  preflight.Result
	why   string
	spoil spoil
}{
	{"image.exists", preflight.Fail, "the registry has no", noSuch},
	{"image.exists", preflight.Unknown, "no image is named", noImage},
	{"image.exists", preflight.Unknown, "credentials", denied},
	{"image.platform", preflight.Fail, "linux/arm64 only", image(func(i *registry.Image) { i.Platforms = []string{"linux/arm64"} })},
	{"image.platform", preflight.Unknown, "does not say", image(func(i *registry.Image) { i.Platforms = nil })},
	{"image.platform", preflight.Unknown, "there is no image", noSuch},
	{"image.revision", preflight.Warn, "neither its labels nor its tag", image(func(i *registry.Image) { i.Labels = nil })},
	{"image.revision", preflight.Warn, `"yesterday", which is no commit`, image(func(i *registry.Image) { i.Labels[registry.LabelRevision] = "yesterday" })},
	{"image.revision", preflight.Fail, "in no commit", image(func(i *registry.Image) { i.Labels[registry.LabelRevision] = commit + "-dirty" })},
	{"image.revision", preflight.Pass, "its tag", all(image(func(i *registry.Image) { i.Labels = nil }), fact(func(f *preflight.Facts) { f.ImageRef = "ghcr.io/o/shop:" + commit }))},
	{"image.revision", preflight.Unknown, "no image is named", noImage},
	{"image.central", preflight.Fail, "does not have 012345678", all(revision(git.Revision{Commit: commit, Subject: "x"}))},
	{"image.central", preflight.Fail, "neither has this repository", revision(git.Revision{})},
	{"image.central", preflight.Pass, "3 commits after it", revision(git.Revision{Commit: commit, OnCentral: true, Behind: 3})},
	{"image.central", preflight.Unknown, "as far as is known here", all(revision(git.Revision{Commit: commit}), repository(func(g *git.State) { g.FetchedAt = now.Add(-2 * time.Hour) }))},
	{"image.central", preflight.Unknown, "not in a git repository", noGit},
	{"image.central", preflight.Unknown, "no remote", repository(func(g *git.State) { g.Central = "" })},

	{"source.clean", preflight.Fail, "1 file with changes", all(noImage, repository(func(g *git.State) { g.Changed = []string{"lib/a.ex"} }))},
	{"source.clean", preflight.Warn, "not in the image", repository(func(g *git.State) { g.Changed = []string{"lib/a.ex"} })},
	{"source.clean", preflight.Warn, "git does not know", repository(func(g *git.State) { g.Untracked = []string{"a", "b", "c", "d"} })},
	{"source.clean", preflight.Unknown, "not in a git repository", noGit},
	{"source.central", preflight.Fail, "2 commits that origin/main does not have", all(noImage, repository(func(g *git.State) { g.Ahead = 2 }))},
	{"source.central", preflight.Fail, "no commit in common", repository(func(g *git.State) { g.Unrelated = true })},
	{"source.central", preflight.Warn, "not what the image was built from", repository(func(g *git.State) { g.Ahead = 2 })},
	{"source.central", preflight.Warn, "origin/main has 4 commits", repository(func(g *git.State) { g.Behind = 4 })},
	{"source.central", preflight.Unknown, "fetched 3d", repository(func(g *git.State) { g.FetchedAt = now.Add(-72 * time.Hour) })},
	{"source.central", preflight.Unknown, "no remote", repository(func(g *git.State) { g.Central = "" })},
	{"source.image", preflight.Warn, "2 files", revision(git.Revision{Commit: commit, OnCentral: true, Differs: 2})},
	{"source.image", preflight.Warn, "changes that the image does not have", repository(func(g *git.State) { g.Changed = []string{"a"} })},
	{"source.image", preflight.Unknown, "not in this repository", revision(git.Revision{})},

	{"start.release", preflight.Warn, "starts with mix (mix phx.server)", edit("Dockerfile", `["/app/bin/server"]`, `["mix", "phx.server"]`)},
	{"start.release", preflight.Warn, "iex -S mix", edit("fly.toml", "[env]", "[processes]\napp = \"iex -S mix phx.server\"\n[env]")},
	{"start.release", preflight.Unknown, "app runs /opt/run.sh, which is not in this tree", edit("Dockerfile", `["/app/bin/server"]`, `["/opt/run.sh"]`)},
	{"start.release", preflight.Unknown, "neither a release nor mix", edit("Dockerfile", `["/app/bin/server"]`, `["nginx"]`)},
	{"start.release", preflight.Unknown, "neither fly.toml, nor a Dockerfile", gone("Dockerfile")},
	{"start.release", preflight.Unknown, "no such directory", noSource},
	{"start.migrations", preflight.Fail, "whenever a machine starts (./migrate)", all(gone("rel/overlays/bin/migrate"), edit("rel/overlays/bin/server", "set -eu\n", "./migrate\n"))},
	{"start.migrations", preflight.Fail, "./shop eval Shop.Release.migrate", edit("rel/overlays/bin/server", "set -eu\n", "./migrate\n")},
	{"start.migrations", preflight.Fail, "migrates as it starts", edit("lib/shop/application.ex", "[Shop.Repo]", "[Shop.Repo, {Ecto.Migrator, repos: [Shop.Repo]}]")},
	{"start.migrations", preflight.Fail, "migrates as it starts", edit("lib/shop/application.ex", "do: Supervisor", "do: Shop.Release.migrate() && Supervisor")},
	{"start.migrations", preflight.Warn, "skip:", edit("lib/shop/application.ex", "[Shop.Repo]", "[{Ecto.Migrator, repos: [Shop.Repo], skip: skip?()}]")},
	{"start.migrations", preflight.Warn, "under a condition", edit("rel/overlays/bin/server", "set -eu\n", "if [ -n \"$MIGRATE\" ]; then\n  ./migrate\nfi\n")},
	{"start.migrations", preflight.Pass, "has to", all(sqlite, edit("lib/shop/application.ex", "[Shop.Repo]", "[Shop.Repo, {Ecto.Migrator, repos: [Shop.Repo]}]"))},
	{"start.migrations", preflight.Pass, "no Ecto", all(edit("mix.exs", `{:ecto_sql, "~> 3.13"}, {:postgrex, ">= 0.0.0"}, `, ""))},
	{"start.migrations", preflight.Unknown, "not in this tree", edit("Dockerfile", `["/app/bin/server"]`, `["/opt/run.sh"]`)},
	{"start.command", preflight.Fail, "none is set", edit("fly.toml", "release_command = \"/app/bin/migrate\"\n", "")},
	{"start.command", preflight.Warn, "no migration was found", edit("fly.toml", "/app/bin/migrate", "echo hello")},
	{"start.command", preflight.Warn, "thrown away", sqlite},
	{"start.command", preflight.Unknown, "is not in this tree", edit("fly.toml", "/app/bin/migrate", "/app/bin/prepare.sh")},
	{"start.command", preflight.Unknown, "no fly.toml", flyless},
	{"start.cookie", preflight.Warn, "cannot cluster", noCookie},
	{"start.cookie", preflight.Fail, "regions cannot call each other", all(noCookie, flyPg)},
	{"start.cookie", preflight.Pass, "the secret RELEASE_COOKIE", all(noCookie, secrets(fly.Secret{Name: "RELEASE_COOKIE"}))},
	{"start.cookie", preflight.Pass, "RELEASE_COOKIE is set", all(noCookie, edit("fly.toml", "[env]", "[env]\nRELEASE_COOKIE = \"word\""))},
	{"start.cookie", preflight.Pass, "vm.args", all(noCookie, file("rel/vm.args.eex", "-setcookie word\n"))},
	{"start.cookie", preflight.Pass, "do not cluster", all(noCookie, edit("mix.exs", `{:dns_cluster, "~> 0.2"}, `, ""))},
	{"start.cookie", preflight.Unknown, "a secret may", all(noCookie, noSecrets)},
	{"start.signal", preflight.Warn, "stays in between", edit("rel/overlays/bin/server", "PHX_SERVER=true exec ", "")},
	{"start.signal", preflight.Warn, "a shell stays before", edit("Dockerfile", `CMD ["/app/bin/server"]`, "CMD echo hi && /app/bin/shop start")},
	{"start.signal", preflight.Warn, "stays in between", edit("rel/overlays/bin/server", "PHX_SERVER=true exec ./shop start", "su -c 'exec ./shop start' nobody")},
	{"start.signal", preflight.Pass, "nothing stays", edit("Dockerfile", `CMD ["/app/bin/server"]`, "CMD /app/bin/shop start")},
	{"start.signal", preflight.Unknown, "not in this tree", edit("Dockerfile", `["/app/bin/server"]`, `["/opt/run.sh"]`)},

	{"settings.file", preflight.Fail, "fly.toml", edit("fly.toml", "[deploy]", "[deploy")},
	{"settings.file", preflight.Warn, "1 key not known", edit("fly.toml", "[deploy]", "[deploy]\nreleas_command = \"x\"")},
	{"settings.file", preflight.Warn, "auto_rollback does nothing", edit("fly.toml", "[deploy]", "[experimental]\nauto_rollback = true\n[deploy]")},
	{"settings.file", preflight.Warn, "was taken", all(file("fly.staging.toml", `app = "shop-staging"`), fact(func(f *preflight.Facts) { f.Named = false }))},
	{"settings.file", preflight.Unknown, "no fly.toml", flyless},
	{"settings.app", preflight.Fail, "it is for other", edit("fly.toml", `app = "shop"`, `app = "other"`)},
	{"settings.app", preflight.Warn, "names no application", edit("fly.toml", "app = \"shop\"\n", "")},
	{"settings.app", preflight.Unknown, "no fly.toml", flyless},
	{"settings.region", preflight.Fail, "no region zzz", edit("fly.toml", `"iad"`, `"zzz"`)},
	{"settings.region", preflight.Fail, "fly_postgres does not know", all(flyPg, edit("fly.toml", "primary_region = \"iad\"\n", ""))},
	{"settings.region", preflight.Warn, "deprecated", edit("fly.toml", `"iad"`, `"old"`)},
	{"settings.region", preflight.Warn, "it is not set", edit("fly.toml", "primary_region = \"iad\"\n", "")},
	{"settings.region", preflight.Warn, "[env] says fra", edit("fly.toml", "[env]", "[env]\nPRIMARY_REGION = \"fra\"")},
	{"settings.region", preflight.Unknown, "no fly.toml", flyless},
	{"settings.checks", preflight.Fail, "no service has a check", edit("fly.toml", "[[http_service.checks]]\npath = \"/health\"\ninterval = \"15s\"\ntimeout = \"5s\"\ngrace_period = \"30s\"\n", "")},
	{"settings.checks", preflight.Fail, "bluegreen is refused", all(bluegreen, edit("fly.toml", "[[http_service.checks]]\npath = \"/health\"\ninterval = \"15s\"\ntimeout = \"5s\"\ngrace_period = \"30s\"\n", ""))},
	{"settings.checks", preflight.Fail, "cannot pass within", edit("fly.toml", `grace_period = "30s"`, `grace_period = "6m"`)},
	{"settings.checks", preflight.Warn, "1s of grace", edit("fly.toml", `grace_period = "30s"`, `grace_period = "1s"`)},
	{"settings.checks", preflight.Warn, "no time of grace", edit("fly.toml", "grace_period = \"30s\"\n", "")},
	{"settings.checks", preflight.Warn, "4m0s of grace", edit("fly.toml", `grace_period = "30s"`, `grace_period = "4m"`)},
	{"settings.checks", preflight.Warn, "longer than the interval", edit("fly.toml", `timeout = "5s"`, `timeout = "20s"`)},
	{"settings.checks", preflight.Warn, "mix takes to start", all(edit("fly.toml", `grace_period = "30s"`, `grace_period = "10s"`), edit("Dockerfile", `["/app/bin/server"]`, `["mix", "phx.server"]`))},
	{"settings.checks", preflight.Warn, "a port is open", edit("fly.toml", "[http_service]\ninternal_port = 4000\nconcurrency = { type = \"connections\", soft_limit = 800, hard_limit = 1000 }\n[[http_service.checks]]\npath = \"/health\"\n", "[[services]]\ninternal_port = 4000\n[[services.tcp_checks]]\n")},
	{"settings.checks", preflight.Warn, "top-level", edit("fly.toml", "[[http_service.checks]]\npath = \"/health\"\n", "[checks.up]\ntype = \"http\"\nport = 4000\npath = \"/health\"\n")},
	{"settings.checks", preflight.Unknown, "no fly.toml", flyless},
	{"settings.redirect", preflight.Warn, "force_ssl sends", edit("config/runtime.exs", "http: [ip", "force_ssl: [hsts: true],\n    http: [ip")},
	{"settings.redirect", preflight.Pass, "came over https", all(edit("config/runtime.exs", "http: [ip", "force_ssl: [hsts: true],\n    http: [ip"), edit("fly.toml", "timeout = \"5s\"\n", "timeout = \"5s\"\nheaders = { X-Forwarded-Proto = \"https\" }\n"))},
	{"settings.redirect", preflight.Pass, "came over https", edit("config/runtime.exs", "http: [ip", "force_ssl: [exclude: [paths: [\"/health\"]]],\n    http: [ip")},
	{"settings.redirect", preflight.Unknown, "no fly.toml", flyless},
	{"settings.stop", preflight.Fail, "at most", edit("fly.toml", "kill_timeout = 30", "kill_timeout = 301")},
	{"settings.stop", preflight.Warn, "kill_signal is SIGINT", edit("fly.toml", "kill_signal = \"SIGTERM\"\n", "")},
	{"settings.stop", preflight.Warn, "not set", edit("fly.toml", "kill_timeout = 30\n", "")},
	{"settings.stop", preflight.Warn, "kill_timeout is 10s", edit("fly.toml", "kill_timeout = 30", "kill_timeout = 10")},
	{"settings.stop", preflight.Unknown, "no fly.toml", flyless},
	{"settings.concurrency", preflight.Fail, "not below", edit("fly.toml", "soft_limit = 800", "soft_limit = 1000")},
	{"settings.concurrency", preflight.Warn, "none is set", edit("fly.toml", "concurrency = { type = \"connections\", soft_limit = 800, hard_limit = 1000 }\n", "")},
	{"settings.concurrency", preflight.Warn, "LiveView", all(edit("fly.toml", `"connections"`, `"requests"`), edit("mix.exs", "{:oban,", `{:phoenix_live_view, "~> 1.1"}, {:oban,`))},
	{"settings.concurrency", preflight.Unknown, "no fly.toml", flyless},
	{"settings.workers", preflight.Warn, "side by side", bluegreen},
	{"settings.workers", preflight.Warn, "stop by themselves", edit("fly.toml", "internal_port = 4000", "internal_port = 4000\nauto_stop_machines = \"stop\"")},
	{"settings.workers", preflight.Unknown, "no fly.toml", flyless},
	{"settings.volumes", preflight.Fail, "a volume can only be in one", all(bluegreen, edit("fly.toml", "[env]", "[[mounts]]\nsource = \"data\"\ndestination = \"/data\"\n[env]"))},
	{"settings.volumes", preflight.Pass, "with its volume", edit("fly.toml", "[env]", "[[mounts]]\nsource = \"data\"\ndestination = \"/data\"\n[env]")},
	{"settings.volumes", preflight.Unknown, "no fly.toml", flyless},
	{"settings.ipv6", preflight.Fail, "cannot reach the private network", all(edit("rel/env.sh.eex", "export ECTO_IPV6=\"true\"\n", ""), edit("fly.toml", "[env]", "[env]\nDATABASE_URL = \"postgres://u@shop-db.flycast:5432/shop\""))},
	{"settings.ipv6", preflight.Fail, "there is nothing else", all(edit("config/runtime.exs", "socket_options: maybe_ipv6", "timeout: 1"), edit("fly.toml", "[env]", "[env]\nDATABASE_URL = \"postgres://u@shop-db.internal/shop\""))},
	{"settings.ipv6", preflight.Warn, "nothing sets ECTO_IPV6", edit("rel/env.sh.eex", "export ECTO_IPV6=\"true\"\n", "")},
	{"settings.ipv6", preflight.Warn, `ECTO_IPV6 is "false"`, edit("rel/env.sh.eex", `ECTO_IPV6="true"`, `ECTO_IPV6="false"`)},
	{"settings.ipv6", preflight.Pass, "its database is elsewhere", all(edit("config/runtime.exs", "socket_options: maybe_ipv6", "timeout: 1"), edit("fly.toml", "[env]", "[env]\nDATABASE_URL = \"postgres://u@db.example.com/shop\""))},
	{"settings.ipv6", preflight.Unknown, "a secret may", all(edit("rel/env.sh.eex", "export ECTO_IPV6=\"true\"\n", ""), noSecrets)},
	{"settings.ipv6", preflight.Unknown, "comes from DATABASE_URL", edit("config/runtime.exs", "socket_options: maybe_ipv6", "timeout: 1")},
	{"settings.cluster", preflight.Warn, "nothing sets ERL_AFLAGS", edit("rel/env.sh.eex", "export ERL_AFLAGS=\"-proto_dist inet6_tcp\"\n", "")},
	{"settings.cluster", preflight.Unknown, "a secret may", all(edit("rel/env.sh.eex", "export RELEASE_DISTRIBUTION=\"name\"\n", ""), noSecrets)},
	{"settings.host", preflight.Fail, "on {127, 0, 0, 1} only", edit("config/runtime.exs", "{0, 0, 0, 0, 0, 0, 0, 0}", "{127, 0, 0, 1}")},
	{"settings.host", preflight.Warn, "nothing sets PHX_HOST", edit("fly.toml", "PHX_HOST = \"shop.example.com\"\n", "")},
	{"settings.host", preflight.Unknown, "a secret may", all(edit("fly.toml", "PHX_HOST = \"shop.example.com\"\n", ""), noSecrets)},

	{"fleet.machines", preflight.Fail, "2 different images", machines(func(i int, m *fly.Machine) {
		if i == 0 {
			m.ImageRef.Digest = "sha256:bb"
		}
	})},
	{"fleet.machines", preflight.Warn, "its host is unreachable", machines(func(i int, m *fly.Machine) {
		if i == 0 {
			m.HostStatus = fly.HostUnreachable
		}
	})},
	{"fleet.machines", preflight.Warn, "cordoned", machines(func(_ int, m *fly.Machine) { m.Cordoned = true })},
	{"fleet.machines", preflight.Warn, "its check up fails", machines(func(_ int, m *fly.Machine) {
		m.Checks = []fly.CheckStatus{{Name: "up", Status: fly.CheckCritical}}
	})},
	{"fleet.machines", preflight.Warn, "there is no machine", fleet(func(l *preflight.Fleet) { l.Machines, l.Counted = nil, 0 })},
	{"fleet.machines", preflight.Unknown, "counts 3", fleet(func(l *preflight.Fleet) { l.Machines = nil })},
	{"fleet.machines", preflight.Unknown, "no access token", noFleet},
	{"fleet.primary", preflight.Fail, "no machine runs in fra", all(edit("fly.toml", `"iad"`, `"fra"`), machines(func(_ int, m *fly.Machine) { m.Region = "iad" }))},
	{"fleet.primary", preflight.Warn, "one machine runs in fra", edit("fly.toml", `"iad"`, `"fra"`)},
	{"fleet.primary", preflight.Unknown, "which region is the primary", edit("fly.toml", "primary_region = \"iad\"\n", "")},
	{"fleet.replicas", preflight.Warn, "syd: machines there", machines(func(i int, m *fly.Machine) {
		if i == 2 {
			m.Region = "syd"
		}
	})},
	{"fleet.replicas", preflight.Pass, "one region", machines(func(_ int, m *fly.Machine) { m.Region = "iad" })},
	{"fleet.replicas", preflight.Unknown, "it does not answer", noReplicas},
	{"fleet.limit", preflight.Fail, "up to 4 machines in iad, and 3 are allowed", all(bluegreen, fact(func(f *preflight.Facts) { f.MaxPerRegion = 3 }))},
	{"fleet.limit", preflight.Pass, "3 are allowed", fact(func(f *preflight.Facts) { f.MaxPerRegion = 3 })},
	{"fleet.limit", preflight.Unknown, "no access token", noFleet},
	{"fleet.free", preflight.Fail, "e1 is held by deploy of ann", fleet(func(l *preflight.Fleet) {
		l.Leases = map[string]fly.Lease{"e1": {Description: "deploy of ann", ExpiresAt: now.Add(time.Minute).Unix()}}
	})},
	{"fleet.free", preflight.Pass, "no lease", fleet(func(l *preflight.Fleet) {
		l.Leases = map[string]fly.Lease{"e1": {Description: "deploy of ann", ExpiresAt: now.Add(-time.Minute).Unix()}}
	})},
	{"fleet.free", preflight.Pass, "no lease", all(releases(fly.Release{Version: 8, Status: "running", ImageRef: "registry.fly.io/shop:deployment-1", CreatedAt: now}), fleet(func(l *preflight.Fleet) {
		l.Leases = map[string]fly.Lease{"e1": {Description: "ops-console deploy 01J9/1 by ann@host", ExpiresAt: now.Add(time.Minute).Unix()}}
	}), fact(func(f *preflight.Facts) { f.Own = "01J9" }))},
	{"fleet.free", preflight.Fail, "a release command runs in r1", fleet(func(l *preflight.Fleet) {
		l.Machines = append(l.Machines, fly.Machine{ID: "r1", State: fly.StateStarted, CreatedAt: now.Add(-time.Minute), Config: &fly.MachineConfig{Metadata: map[string]string{fly.MetaProcessGroup: "fly_app_release_command"}}})
	})},
	{"fleet.free", preflight.Warn, "was left behind", fleet(func(l *preflight.Fleet) {
		l.Machines = append(l.Machines, fly.Machine{ID: "r1", State: fly.StateStopped, Config: &fly.MachineConfig{Metadata: map[string]string{fly.MetaProcessGroup: "fly_app_release_command"}}})
	})},
	{"fleet.free", preflight.Fail, "v8 is running", releases(fly.Release{Version: 8, Status: "running", CreatedAt: now.Add(-time.Minute)})},
	{"fleet.free", preflight.Warn, "left behind", releases(fly.Release{Version: 8, Status: "running", CreatedAt: now.Add(-3 * time.Hour)})},
	{"fleet.free", preflight.Unknown, "could not be asked", fleet(func(l *preflight.Fleet) { l.Unread = "timed out" })},
	{"fleet.free", preflight.Unknown, "the releases", noReleases},
	{"fleet.secrets", preflight.Warn, "1 secret changed since v7: API_KEY", secrets(fly.Secret{Name: "API_KEY", UpdatedAt: now.Add(-time.Hour)})},
	{"fleet.secrets", preflight.Pass, "first release", releases()},
	{"fleet.secrets", preflight.Unknown, "no access token", noSecrets},
	{"fleet.volumes", preflight.Fail, "iad: 2 machines with a volume, and 1 volume", all(machines(func(_ int, m *fly.Machine) { m.Config.Mounts = []fly.Mount{{Volume: "v"}} }), fact(func(f *preflight.Facts) {
		f.Volumes = preflight.Known([]fly.Volume{{ID: "v1", Region: "iad"}, {ID: "v2", Region: "fra"}, {ID: "v3", Region: "iad", State: "pending_destroy"}})
	}))},
	{"fleet.volumes", preflight.Warn, "one machine with one volume", all(fleet(func(l *preflight.Fleet) { l.Machines = l.Machines[:1] }), machines(func(_ int, m *fly.Machine) { m.Config.Mounts = []fly.Mount{{Volume: "v"}} }), fact(func(f *preflight.Facts) {
		f.Volumes = preflight.Known([]fly.Volume{{ID: "v1", Region: "iad"}})
	}))},
	{"fleet.volumes", preflight.Unknown, "no access token", noFleet},

	{"database.connections", preflight.Fail, "40 per machine × 3 machines", edit("config/runtime.exs", `"10"`, `"40"`)},
	{"database.connections", preflight.Warn, "80 of the 97", edit("config/runtime.exs", `"10"`, `"20"`)},
	{"database.connections", preflight.Fail, "20 per machine × 6 machines", all(bluegreen, edit("config/runtime.exs", `"10"`, `"20"`))},
	{"database.connections", preflight.Pass, "5 per machine", edit("fly.toml", "[env]", "[env]\nPOOL_SIZE = \"5\"")},
	{"database.connections", preflight.Pass, "2 machines in iad", flyPg},
	{"database.connections", preflight.Unknown, "the secret POOL_SIZE", secrets(fly.Secret{Name: "POOL_SIZE"})},
	{"database.connections", preflight.Unknown, "a pooler", server(func(s *preflight.Server) { s.Pooler = true })},
	{"database.connections", preflight.Unknown, "it does not answer", noServer},
	{"database.lag", preflight.Fail, "db2 in fra is 6s behind", replicas(preflight.Replica{Name: "db2", Region: "fra", Lag: 6 * time.Second, Known: true})},
	{"database.lag", preflight.Warn, "db2 in fra is 2s behind", replicas(preflight.Replica{Name: "db2", Region: "fra", Lag: 2 * time.Second, Known: true})},
	{"database.lag", preflight.Pass, "no replica", replicas()},
	{"database.lag", preflight.Unknown, "1 replica", replicas(preflight.Replica{Name: "db2", Region: "fra", State: "unreachable"})},
	{"database.lag", preflight.Unknown, "it does not answer", noReplicas},
	{"database.free", preflight.Fail, "pg_dump runs since 5m", server(func(s *preflight.Server) {
		s.Dumps = []preflight.Session{{PID: 7, Application: "pg_dump", Since: now.Add(-5 * time.Minute)}}
	})},
	{"database.free", preflight.Fail, "a backup is being taken", backups(func(b *preflight.Backups) { b.Running = true })},
	{"database.free", preflight.Unknown, "only a standby", server(func(s *preflight.Server) { s.Standby = true })},
	{"database.free", preflight.Unknown, "a pooler", server(func(s *preflight.Server) { s.Pooler = true })},
	{"database.free", preflight.Unknown, "it does not answer", noServer},
	{"database.region", preflight.Fail, "the primary is in fra", all(flyPg, server(func(s *preflight.Server) { s.Region = "fra" }))},
	{"database.region", preflight.Warn, "the primary is in fra", server(func(s *preflight.Server) { s.Region = "fra" })},
	{"database.region", preflight.Unknown, "which region is the primary", edit("fly.toml", "primary_region = \"iad\"\n", "")},

	{"migrations.pending", preflight.Fail, "1 pending migration, with 1 error: it rewrites", pending(preflight.Pending{Path: "a", Findings: []preflight.Finding{{Rule: "x", Text: "it rewrites", Error: true}}})},
	{"migrations.pending", preflight.Warn, "with 1 warning", pending(preflight.Pending{Path: "a", Findings: []preflight.Finding{{Rule: "x", Text: "it locks"}}})},
	{"migrations.pending", preflight.Warn, "older than one that ran", pending(preflight.Pending{Path: "a", OutOfOrder: true})},
	{"migrations.pending", preflight.Warn, "and no file", fact(func(f *preflight.Facts) { f.Migrations = preflight.Known(preflight.Migrations{Total: 3, Missing: 1}) })},
	{"migrations.pending", preflight.Pass, "nothing is found", pending(preflight.Pending{Path: "a"})},
	{"migrations.pending", preflight.Unknown, "which of 5 migrations ran", fact(func(f *preflight.Facts) {
		f.Migrations = preflight.Known(preflight.Migrations{Total: 5, Known: "nobody answers"})
	})},
	{"migrations.pending", preflight.Unknown, "a file in the machine", sqlite},
	{"backup.newest", preflight.Fail, "there is none, and migrations are pending", all(pending(preflight.Pending{Path: "a"}), backups(func(b *preflight.Backups) { b.Newest = nil }))},
	{"backup.newest", preflight.Warn, "there is none", backups(func(b *preflight.Backups) { b.Newest = nil })},
	{"backup.newest", preflight.Warn, "old", backups(func(b *preflight.Backups) { b.Newest.SnapshotAt = now.Add(-50 * time.Hour) })},
	{"backup.newest", preflight.Warn, "wanted is restored", backups(func(b *preflight.Backups) { b.Newest.Level, b.Least = backup.Decoded, backup.Restored })},
	{"backup.newest", preflight.Pass, "is taken before", all(noBackups, fact(func(f *preflight.Facts) { f.BackupFirst = true }))},
	{"backup.newest", preflight.Unknown, "no store", noBackups},

	{"tools.elixir", preflight.Fail, "mix.exs wants ~> 1.19", edit("mix.exs", "~> 1.18", "~> 1.19")},
	{"tools.elixir", preflight.Warn, ".tool-versions has 1.19.0, Dockerfile has 1.18.3", edit(".tool-versions", "1.18.3-otp-27", "1.19.0-otp-27")},
	{"tools.elixir", preflight.Pass, "seldom matters", edit(".tool-versions", "1.18.3-otp-27", "1.18.4-otp-27")},
	{"tools.elixir", preflight.Unknown, "no such directory", noSource},
	{"tools.erlang", preflight.Warn, "image has 26", image(func(i *registry.Image) { i.Env = map[string]string{"OTP_VERSION": "26.2"} })},
	{"tools.erlang", preflight.Unknown, "only .tool-versions 27.3.3 names it", gone("Dockerfile")},
	{"tools.node", preflight.Warn, "Dockerfile has 20", edit("Dockerfile", "node:22-slim", "node:20-slim")},
	{"tools.node", preflight.Unknown, "no place names", all(gone("Dockerfile"), edit(".tool-versions", "nodejs 22.1.0\n", ""))},
	{"tools.postgresql", preflight.Warn, "server has 15.3", server(func(s *preflight.Server) { s.Version = "15.3" })},
	{"tools.postgresql", preflight.Unknown, "only .tool-versions 16.8 names it", noServer},
	{"tools.phoenix", preflight.Fail, "mix.lock has 1.7.2", edit("mix.lock", "1.8.1", "1.7.2")},
	{"tools.phoenix", preflight.Unknown, "only mix.exs ~> 1.8 names it", gone("mix.lock")},
}

func TestItemsComeToWhatTheyShould(t *testing.T) {
	for _, tc := range cases {
		t.Run(tc.id+"/"+string(tc.want)+"/"+tc.why, func(t *testing.T) {
			w := newWorld()
			tc.spoil(t, w)
			i, ok := w.report(t).Item(tc.id)
			if !ok {
				t.Fatal("there is no such item")
			}
			if i.Result != tc.want || !strings.Contains(i.Why, tc.why) {
				t.Errorf("got %s: %s\nwant %s: …%s…", i.Result, i.Why, tc.want, tc.why)
			}
			if (i.Result == preflight.Warn || i.Result == preflight.Fail) && i.Mend == "" {
				t.Errorf("%s does not say how to mend it", i.Why)
			}
		})
	}
}

// TestEveryItemIsTried holds that the table above has a case of every item that does not pass, and one that warns or fails
// where its documentation says that it can.
func TestEveryItemIsTried(t *testing.T) {
	tried := map[string]map[preflight.Result]bool{}
	for _, tc := range cases {
		if tried[tc.id] == nil {
			tried[tc.id] = map[preflight.Result]bool{}
		}
		tried[tc.id][tc.want] = true
	}
	for _, c := range preflight.Checks() {
		for word, r := range map[string]preflight.Result{"warn": preflight.Warn, "fail": preflight.Fail} {
			says := strings.Contains(strings.ToLower(c.Doc), word+"s")
			if strings.HasPrefix(c.ID, "tools.") {
				continue // they are one check
			}
			if says != tried[c.ID][r] {
				t.Errorf("%s: its documentation says %q: %v; tried: %v", c.ID, word, says, tried[c.ID][r])
			}
		}
		if !tried[c.ID][preflight.Unknown] {
			t.Errorf("%s: unknown was not tried", c.ID)
		}
	}
}

func TestACookieIsNeverShown(t *testing.T) {
	w := newWorld()
	w.edit(t, "fly.toml", "[env]", "[env]\nRELEASE_COOKIE = \"hush-hush\"")
	w.edit(t, "Dockerfile", "ENV MIX_ENV=prod", "ENV RELEASE_COOKIE=hush-hush")
	for _, i := range w.report(t).Items {
		text := i.Why + i.Mend
		for _, e := range i.Evidence {
			text += e.Text
		}
		if strings.Contains(text, "hush-hush") || strings.Contains(text, "secret-word") {
			t.Errorf("%s shows it: %s", i.ID, text)
		}
	}
}

// TestKnowingLessNeverMakesAnItemPass takes away one fact after the other from each of the worlds above.
func TestKnowingLessNeverMakesAnItemPass(t *testing.T) {
	forget := map[string]func(f *preflight.Facts){
		"source":      func(f *preflight.Facts) { f.Source = preflight.NotKnown[*source.Tree]("forgotten") },
		"image":       func(f *preflight.Facts) { f.Image = preflight.NotKnown[registry.Image]("forgotten") },
		"git":         func(f *preflight.Facts) { f.Git = preflight.NotKnown[git.State]("forgotten") },
		"revision":    func(f *preflight.Facts) { f.Revision = preflight.NotKnown[git.Revision]("forgotten") },
		"fleet":       func(f *preflight.Facts) { f.Fleet = preflight.NotKnown[preflight.Fleet]("forgotten") },
		"releases":    func(f *preflight.Facts) { f.Releases = preflight.NotKnown[[]fly.Release]("forgotten") },
		"secrets":     func(f *preflight.Facts) { f.Secrets = preflight.NotKnown[[]fly.Secret]("forgotten") },
		"volumes":     func(f *preflight.Facts) { f.Volumes = preflight.NotKnown[[]fly.Volume]("forgotten") },
		"server":      func(f *preflight.Facts) { f.Server = preflight.NotKnown[preflight.Server]("forgotten") },
		"replication": func(f *preflight.Facts) { f.Replication = preflight.NotKnown[preflight.Replication]("forgotten") },
		"migrations":  func(f *preflight.Facts) { f.Migrations = preflight.NotKnown[preflight.Migrations]("forgotten") },
		"backups":     func(f *preflight.Facts) { f.Backups = preflight.NotKnown[preflight.Backups]("forgotten") },
	}
	// Where two facts tell the same, the worlds above have only one of them spoilt; and what others say of a tool's version
	// agrees or does not, whoever else might have been asked.
	apart := func(item, fact string) bool {
		return strings.HasPrefix(item, "tools.") || item+" "+fact == "migrations.pending source" || item+" "+fact == "database.region server" || item+" "+fact == "database.free backups"
	}
	for _, tc := range cases {
		w := newWorld()
		tc.spoil(t, w)
		before := w.report(t)
		for what, change := range forget {
			less := *w.facts
			change(&less)
			after := preflight.Evaluate(&less)
			for n, i := range after.Items {
				if i.Result == preflight.Pass && before.Items[n].Result != preflight.Pass && !apart(i.ID, what) {
					t.Errorf("%s %s, without %s: %s passes (%s); before: %s, %s", tc.id, tc.why, what, i.ID, i.Why, before.Items[n].Result, before.Items[n].Why)
				}
			}
		}
	}
}
