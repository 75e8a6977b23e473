package preflight_test

import (
	"maps"
	"testing"
	"testing/fstest"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/fly"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/git"
	"ops-console/ops/preflight/registry"
	"ops-console/ops/preflight/source"
)

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const commit = "0123456789abcdef0123456789abcdef01234567"

// world is facts of an application with which nothing is wrong, to be spoilt by a test.
type world struct {
	files map[string]string
	facts *preflight.Facts
}

func newWorld() *world {
	w := &world{files: map[string]string{
		"mix.exs": `defmodule Shop.MixProject do
  use Mix.Project
  def project do
    [app: :shop, version: "1.0.0", elixir: "~> 1.18", deps: deps(), releases: [shop: [cookie: "secret-word"]]]
  end
  defp deps do
    [{:phoenix, "~> 1.8"}, {:ecto_sql, "~> 3.13"}, {:postgrex, ">= 0.0.0"}, {:bandit, "~> 1.5"}, {:dns_cluster, "~> 0.2"}, {:oban, "~> 2.19"}]
  end
end
`,
		"mix.lock":       `%{"phoenix": {:hex, :phoenix, "1.8.1", "x", [:mix], [], "hexpm", "y"}}` + "\n",
		".tool-versions": "elixir 1.18.3-otp-27\nerlang 27.3.3\nnodejs 22.1.0\npostgres 16.8\n",
		"Dockerfile": `FROM hexpm/elixir:1.18.3-erlang-27.3.3-debian-bookworm-20250407-slim AS builder
RUN mix release
FROM node:22-slim AS assets
FROM debian:bookworm-slim
ENV MIX_ENV=prod
CMD ["/app/bin/server"]
`,
		"package.json":            `{}`,
		"rel/overlays/bin/server": "#!/bin/sh\nset -eu\nPHX_SERVER=true exec ./shop start\n",
		"rel/overlays/bin/migrate": `#!/bin/sh
exec ./shop eval Shop.Release.migrate
`,
		"rel/env.sh.eex": `export ERL_AFLAGS="-proto_dist inet6_tcp"
export ECTO_IPV6="true"
export DNS_CLUSTER_QUERY="${FLY_APP_NAME}.internal"
export RELEASE_DISTRIBUTION="name"
export RELEASE_NODE="${FLY_APP_NAME}-${FLY_IMAGE_REF##*-}@${FLY_PRIVATE_IP}"
`,
		"config/runtime.exs": `import Config
if config_env() == :prod do
  maybe_ipv6 = if System.get_env("ECTO_IPV6") in ~w(true 1), do: [:inet6], else: []
  config :shop, Shop.Repo,
    url: System.get_env("DATABASE_URL"),
    pool_size: String.to_integer(System.get_env("POOL_SIZE") || "10"),
    socket_options: maybe_ipv6
  config :shop, ShopWeb.Endpoint,
    url: [host: System.get_env("PHX_HOST") || "example.com", port: 443],
    http: [ip: {0, 0, 0, 0, 0, 0, 0, 0}]
end
`,
		"lib/shop/application.ex": `defmodule Shop.Application do
  use Application
  def start(_, _), do: Supervisor.start_link([Shop.Repo], strategy: :one_for_one)
end
`,
		"fly.toml": `app = "shop"
primary_region = "iad"
kill_signal = "SIGTERM"
kill_timeout = 30
[deploy]
release_command = "/app/bin/migrate"
[env]
PHX_HOST = "shop.example.com"
[http_service]
internal_port = 4000
concurrency = { type = "connections", soft_limit = 800, hard_limit = 1000 }
[[http_service.checks]]
path = "/health"
interval = "15s"
timeout = "5s"
grace_period = "30s"
`,
	}}
	machine := func(id, region string) fly.Machine {
		return fly.Machine{
			ID: id, Region: region, State: fly.StateStarted, HostStatus: fly.HostOK,
			ImageRef: fly.ImageRef{Repository: "shop", Tag: "v1", Digest: "sha256:aa"},
			Config:   &fly.MachineConfig{Metadata: map[string]string{fly.MetaProcessGroup: "app"}, Services: []fly.Service{{InternalPort: 4000}}},
		}
	}
	w.facts = &preflight.Facts{
		At: now, Project: "/src/shop", App: "shop", Named: true, ImageRef: "registry.fly.io/shop:deployment-1",
		Image: preflight.Known(registry.Image{
			Digest: "sha256:" + commit + commit[:24], Platforms: []string{"linux/amd64"}, Size: 90e6, Created: now.Add(-time.Hour),
			Labels: map[string]string{registry.LabelRevision: commit},
		}),
		Git: preflight.Known(git.State{
			Head: commit, Branch: "main", Central: "origin/main", CentralHead: commit, FetchedAt: now.Add(-10 * time.Minute),
		}),
		Revision: preflight.Known(git.Revision{Commit: commit, Subject: "sell more", OnCentral: true, IsHead: true}),
		Fleet: preflight.Known(preflight.Fleet{
			Machines: []fly.Machine{machine("e1", "iad"), machine("e2", "iad"), machine("e3", "fra")}, Counted: 3,
		}),
		Releases:    preflight.Known([]fly.Release{{Version: 7, Status: "complete", CreatedAt: now.Add(-24 * time.Hour)}}),
		Secrets:     preflight.Known([]fly.Secret{{Name: "DATABASE_URL", CreatedAt: now.Add(-90 * 24 * time.Hour)}}),
		Volumes:     preflight.Known([]fly.Volume{}),
		Regions:     preflight.Known([]fly.Region{{Code: "iad"}, {Code: "fra"}, {Code: "old", Deprecated: true}}),
		HasDatabase: preflight.Known(true),
		Server:      preflight.Known(preflight.Server{Node: "db1", Region: "iad", Version: "16.8", MaxConnections: 100, Reserved: 3, Used: 30}),
		Replication: preflight.Known(preflight.Replication{
			Primary: "iad", Warn: time.Second, Critical: 5 * time.Second,
			Replicas: []preflight.Replica{{Name: "db2", Region: "fra", Lag: 20 * time.Millisecond, Known: true, State: "streaming"}},
		}),
		Migrations: preflight.Known(preflight.Migrations{Total: 5}),
		Backups: preflight.Known(preflight.Backups{
			Newest: &preflight.Backup{ID: "01J", SnapshotAt: now.Add(-2 * time.Hour), Level: backup.Restored, VerifiedAt: now.Add(-time.Hour)},
			Least:  backup.Decoded,
		}),
	}
	return w
}

// edit replaces text of a file, which has to be there.
func (w *world) edit(t *testing.T, name, from, to string) {
	t.Helper()
	text := w.files[name]
	changed := replaceOnce(text, from, to)
	if changed == text {
		t.Fatalf("%s has no %q to be replaced", name, from)
	}
	w.files[name] = changed
}

func replaceOnce(s, from, to string) string {
	for i := 0; i+len(from) <= len(s); i++ {
		if s[i:i+len(from)] == from {
			return s[:i] + to + s[i+len(from):]
		}
	}
	return s
}

// report judges the world.
func (w *world) report(t *testing.T) *preflight.Report {
	t.Helper()
	if _, known := w.facts.Source.Get(); !known && w.facts.Source.Err() == nil {
		fsys := fstest.MapFS{}
		for name, text := range maps.All(w.files) {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		tree, err := source.Read(fsys, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w.facts.Source = preflight.Known(tree)
	}
	return preflight.Evaluate(w.facts)
}

// machines changes every machine.
func (w *world) machines(change func(i int, m *fly.Machine)) {
	l, _ := w.facts.Fleet.Get()
	for i := range l.Machines {
		change(i, &l.Machines[i])
	}
	w.facts.Fleet = preflight.Known(l)
}
