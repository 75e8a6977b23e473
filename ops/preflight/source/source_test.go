package source

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, o Options, files map[string]string) *Tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := Read(fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// told is what a boot comes to: KIND[ exec][ script][ maybe] TEXT AT, one a line.
func told(b Boot) string {
	var out []string
	for _, a := range b.Actions {
		s := string(a.Kind)
		for _, f := range []struct {
			is   bool
			word string
		}{{a.Exec, " exec"}, {a.Script, " script"}, {a.Maybe, " maybe"}} {
			if f.is {
				s += f.word
			}
		}
		out = append(out, fmt.Sprintf("%s: %s @%s", s, a.Text, a.At))
	}
	for _, u := range b.Unread {
		out = append(out, "unread "+u)
	}
	return strings.Join(out, "\n")
}

const mixExs = `defmodule Shop.MixProject do
  def project, do: [app: :shop, aliases: aliases(), deps: deps()]
  defp deps, do: [{:phoenix, "~> 1.8"}]
  defp aliases, do: ["ecto.setup": ["ecto.create", "ecto.migrate"], boot: ["ecto.setup", "phx.server"], loop: ["loop"]]
end
`

func TestWhatMachinesStartWith(t *testing.T) {
	server := "#!/bin/sh\ncd x\nexec ./shop start\n"
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"an overlay", map[string]string{"Dockerfile": "FROM x\nCMD [\"/app/bin/server\"]\n", "rel/overlays/bin/server": server}, "release exec script: exec ./shop start @rel/overlays/bin/server:3"},
		{"an overlay that mix makes", map[string]string{"Dockerfile": "FROM b AS b\nRUN mix release\nFROM x\nCMD [\"/app/bin/server\"]\n"}, "release exec: /app/bin/server @Dockerfile:4"},
		{"the release itself", map[string]string{"Dockerfile": "FROM x\nCMD [\"bin/shop\", \"start\"]\n"}, "release exec: bin/shop start @Dockerfile:2"},
		{"a shell", map[string]string{"Dockerfile": "FROM x\nCMD mix ecto.migrate && mix phx.server\n"}, "migrate: mix ecto.migrate @Dockerfile:2\nmix: mix phx.server @Dockerfile:2"},
		{"a shell by hand", map[string]string{"Dockerfile": "FROM x\nCMD [\"sh\", \"-c\", \"exec mix phx.server\"]\n"}, "mix exec: exec mix phx.server @Dockerfile:2"},
		{"elixir", map[string]string{"Procfile": "web: elixir --sname x -S mix phx.server\nrelease: mix ecto.migrate\n"}, "mix exec: elixir --sname x -S mix phx.server @Procfile:1"},
		{"aliases", map[string]string{"Dockerfile": "FROM x\nCMD [\"mix\", \"boot\"]\n"}, "task exec: mix boot @Dockerfile:2\nmigrate exec: mix boot @Dockerfile:2\nmix exec: mix boot @Dockerfile:2"},
		{"an alias of itself", map[string]string{"Dockerfile": "FROM x\nCMD [\"mix\", \"loop\"]\n"}, "task exec: mix loop @Dockerfile:2"},
		{"mix do", map[string]string{"Dockerfile": "FROM x\nCMD mix do ecto.migrate + phx.server\n"}, "migrate exec: mix do ecto.migrate + phx.server @Dockerfile:2\nmix exec: mix do ecto.migrate + phx.server @Dockerfile:2"},
		{"an entry point that passes on", map[string]string{
			"Dockerfile":    "FROM x\nCOPY docker/run.sh /entrypoint.sh\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"bin/shop\", \"start\"]\n",
			"docker/run.sh": "#!/bin/sh\nbin/shop eval \"Shop.Release.migrate\"\nexec \"$@\"\n",
		}, "migrate script: bin/shop eval Shop.Release.migrate @docker/run.sh:2\nrelease exec script: exec bin/shop start @docker/run.sh:3"},
		{"tini and a shell", map[string]string{
			"Dockerfile":    "FROM x\nCOPY --chmod=755 entrypoint.sh /\nENTRYPOINT [\"tini\", \"--\", \"/bin/dash\", \"/entrypoint.sh\"]\nCMD [\"bin/shop\", \"start\"]\n",
			"entrypoint.sh": "#!/usr/bin/env dash\nif [ $X ]; then mix ecto.setup; fi\n$1 $2\n",
		}, "task script maybe: mix ecto.setup @entrypoint.sh:2\nmigrate script maybe: mix ecto.setup @entrypoint.sh:2\nrelease script: bin/shop start @entrypoint.sh:3"},
		{"a script that a program writes", map[string]string{
			"fly.toml":       "[deploy]\nrelease_command = \"on.deploy\"\n[experimental]\ncmd = [\"app.start\"]\n",
			"build/image.go": "package build\n// \"/usr/local/bin/app.start\" is a script\nvar name = \"/usr/local/bin/app.start.sh\"\n\nvar _ = f(\"/usr/local/bin/app.start\",\n\t`#!/bin/bash\nop run -- mix phx.server`)\n",
		}, "mix script: op run -- mix phx.server @build/image.go:7"},
		{"a heredoc", map[string]string{"Dockerfile": "FROM x\nCOPY <<EOF /run.sh\n#!/bin/sh\nexec bin/shop start\nEOF\nCMD [\"/run.sh\"]\n"}, "release exec script: exec bin/shop start @Dockerfile:4"},
		{"mix run", map[string]string{"Dockerfile": "FROM x\nCMD mix run -e 'X.migrate()' && mix run a.exs && mix run --no-halt\n"}, "migrate: mix run -e X.migrate() @Dockerfile:2\ntask: mix run a.exs @Dockerfile:2\nmix: mix run --no-halt @Dockerfile:2"},
		{"a script that is nowhere", map[string]string{"Dockerfile": "FROM x\nCMD [\"/run.sh\"]\n"}, "unread /run.sh"},
		{"a script that runs itself", map[string]string{"Dockerfile": "FROM x\nCMD [\"/run.sh\"]\n", "run.sh": "#!/bin/sh\n./run.sh\nmix phx.server\n"}, "mix script: mix phx.server @run.sh:3"},
		{"words that look like commands", map[string]string{"Dockerfile": "FROM x\nCMD echo mix ecto.migrate; apt-get install mix; bin/shop start\n"}, "release: bin/shop start @Dockerfile:2"},
		{"processes of fly.toml", map[string]string{"fly.toml": "[processes]\nweb = \"bin/shop start\"\n", "Dockerfile": "FROM x\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"mix\", \"phx.server\"]\n"}, "release exec: tini -- bin/shop start @fly.toml:2"},
		{"nothing", map[string]string{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.files["mix.exs"] = mixExs
			tree := read(t, Options{}, tc.files)
			got := ""
			if len(tree.Boots) > 0 {
				got = told(tree.Boots[0])
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlyTomlIsChosen(t *testing.T) {
	files := map[string]string{
		"mix.exs":                mixExs,
		"fly/shop-2024/fly.toml": `app = "shop-2024"`, "fly/shop-2025/fly.toml": `app = "shop-2025"`,
		"fly/pghero/fly.toml": "app = \"shop-zz\"\n[build]\nimage = \"x/pghero\"", "fly.staging.toml": "app = [", "deps/x/fly.toml": `app = "dep"`,
	}
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{}, "fly/shop-2025/fly.toml"},
		{Options{App: "shop-2024"}, "fly/shop-2024/fly.toml"},
		{Options{App: "shop-zz"}, "fly/pghero/fly.toml"},
		{Options{FlyPath: "fly.staging.toml"}, "fly.staging.toml"},
		{Options{FlyPath: "none.toml"}, "none.toml"},
	} {
		tree := read(t, tc.o, files)
		if tree.FlyPath != tc.want || (tree.FlyErr != "") != (tc.o.FlyPath != "") {
			t.Errorf("%+v: took %s (%s), err %q", tc.o, tree.FlyPath, tree.FlyWhy, tree.FlyErr)
		}
	}
	files["fly.toml"] = `app = "other"`
	if tree := read(t, Options{}, files); tree.FlyPath != "fly.toml" || tree.FlyWhy == "" || len(tree.FlyOthers) != 4 {
		t.Errorf("took %s for %q; others %v", tree.FlyPath, tree.FlyWhy, tree.FlyOthers)
	}
	other := map[string]string{"mix.exs": mixExs, "iframe/fly.toml": `app = "shop-iframe"`, "iframe/Dockerfile": ""}
	if tree := read(t, Options{}, other); tree.Fly != nil || len(tree.FlyOthers) != 1 {
		t.Errorf("took %s of another project", tree.FlyPath)
	}
	if tree := read(t, Options{App: "shop-iframe"}, other); tree.Fly == nil {
		t.Error("the one that is meant was not taken")
	}
	if tree := read(t, Options{}, map[string]string{}); tree.Fly != nil || tree.Mix != nil || tree.Lock != nil {
		t.Errorf("an empty directory: %+v", tree)
	}
}

func TestMixIsRead(t *testing.T) {
	tree := read(t, Options{}, map[string]string{
		"mix.exs": `defmodule Shop.Umbrella do
  use Mix.Project
  @elixir "~> 1.18"
  def project do
    [apps_path: "apps", elixir: @elixir, deps: deps(), releases: releases()]
  end
  defp deps, do: [{:credo, "~> 1.7", only: [:dev, :test]}, {:sentry, "~> 11.0", only: :prod}, {:other, github: "a/b"}]
  defp releases, do: [shop: [cookie: System.get_env("C"), applications: [a: :permanent]], worker: []]
end`,
		"apps/shop/mix.exs": `defmodule Shop.MixProject do
  def project, do: [app: :shop, deps: [{:phoenix, "~> 1.8"}, phoenix_dep()]]
  def phoenix_dep, do: {:phoenix_live_view, "~> 1.1"}
end`,
		"mix.lock": "%{\n  \"phoenix\": {:hex, :phoenix, \"1.8.1\", \"x\"},\n  \"other\": {:git, \"https://example.com\", \"abc\", []},\n}\n",
	})
	m := tree.Mix
	var deps []string
	for _, n := range []string{"credo", "sentry", "other", "phoenix", "phoenix_live_view"} {
		deps = append(deps, fmt.Sprintf("%s %s %v %s", n, m.Deps[n].Requirement, tree.Has(n), m.Deps[n].At))
	}
	want := []string{"credo ~> 1.7 false mix.exs:7", "sentry ~> 11.0 true mix.exs:7", "other  true mix.exs:7", "phoenix ~> 1.8 true apps/shop/mix.exs:2", "phoenix_live_view ~> 1.1 true apps/shop/mix.exs:3"}
	if diff := cmp.Diff(want, deps); diff != "" {
		t.Error(diff)
	}
	if !m.Umbrella || m.Elixir.Value != "~> 1.18" || len(m.Releases) != 2 || m.Releases[0].Cookie == nil || m.Releases[1].Cookie != nil {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff(map[string]Locked{"phoenix": {"1.8.1", Place{"mix.lock", 2}}, "other": {"", Place{"mix.lock", 3}}}, tree.Lock); diff != "" {
		t.Error(diff)
	}
}

func TestConfigurationIsThatOfProduction(t *testing.T) {
	tree := read(t, Options{}, map[string]string{
		"mix.exs": mixExs,
		"config/config.exs": `import Config
config :shop, ecto_repos: [Shop.Repo, Shop.Store]
config :shop, Shop.Repo, pool_size: 3
config :shop, Shop.Store, url: "ecto://u@h/d"
import_config "#{config_env()}.exs"
`,
		"config/dev.exs":  "import Config\nconfig :shop, Shop.Repo, pool_size: 99\n",
		"config/prod.exs": "import Config\nconfig :shop, Shop.Repo, pool_size: 4, hostname: System.get_env(\"DB_HOST\", \"db\")\nconfig :shop, ShopWeb.Endpoint, force_ssl: [hsts: true]\n",
		"config/runtime.exs": `import Config
alias Shop.Deep.Thing, as: Thing
v6 = if System.get_env("V6") == "1", do: [:inet6], else: []
if config_env() == :test, do: config(:shop, Shop.Repo, pool_size: 98)
if config_env() in [:prod, :dev] do
  config :shop, Shop.Repo, [
    pool_size: System.get_env("POOL", "20") |> String.to_integer(),
    pool_count: System.fetch_env!("COUNT"),
    socket_options: v6
  ]
  config :shop, Shop.Store, socket_options: [:inet6]
end
case config_env() do
  :test -> config :shop, Shop.Repo, pool_size: 97
  _ -> config :shop, ShopWeb.Endpoint, http: [ip: {127, 0, 0, 1}], url: [host: System.get_env("HOST")]
end
`,
		"lib/shop/repo.ex": "defmodule Shop.Repo do\n  use Ecto.Repo, otp_app: :shop\n  def init(_, c), do: {:ok, c}\nend",
	})
	c := tree.Config
	want := []Repo{
		{
			Module: "Shop.Repo", PoolSize: Setting{"20", "POOL", Place{"config/runtime.exs", 7}}, PoolCount: Setting{"", "COUNT", Place{"config/runtime.exs", 8}},
			Inet6: Inet6{true, "V6", Place{"config/runtime.exs", 9}}, Host: Setting{"db", "DB_HOST", Place{"config/prod.exs", 2}}, At: Place{"config/runtime.exs", 7}, Init: true,
		},
		{Module: "Shop.Store", URL: Setting{"ecto://u@h/d", "", Place{"config/config.exs", 4}}, Inet6: Inet6{true, "", Place{"config/runtime.exs", 11}}, At: Place{"config/config.exs", 4}},
	}
	if diff := cmp.Diff(want, c.Repos); diff != "" {
		t.Error(diff)
	}
	if len(c.Endpoints) != 1 || c.Endpoints[0].IP.Text != "{127, 0, 0, 1}" || c.Endpoints[0].ForceSSL == nil || c.Endpoints[0].Host.Env != "HOST" {
		t.Errorf("endpoints: %+v", c.Endpoints)
	}
}

func TestPinsAreFound(t *testing.T) {
	tree := read(t, Options{}, map[string]string{
		"mix.exs":                         mixExs,
		".tool-versions":                  "# x\nelixir 1.18.3-otp-27 # y\nerlang 27.3.3\nnodejs lts\npostgres 16.8\nruby 3\n",
		"mise.toml":                       "[tools]\nelixir = \"1.18\"\nnode = { version = \"22\" }\n",
		".nvmrc":                          "v22.1.0\n",
		"elixir_buildpack.config":         "elixir_version=1.17.0\nerlang_version = 26.2\n",
		"phoenix_static_buildpack.config": "node_version=20.1\n",
		"Dockerfile":                      "ARG E=1.18.3\nFROM hexpm/elixir:${E}-erlang-27.3.3-alpine-3.21 AS b\nFROM ghcr.io/x/run:elixir-v1.18.4-erlang-v27.3.4-nodejs-v22.2.0\nRUN curl -fsSL https://deb.nodesource.com/setup_20.x | bash -\nFROM postgres:15\n",
		".github/workflows/ci.yml":        "env:\n  OTP_VERSION: '27.3'\njobs:\n  t:\n    strategy:\n      matrix:\n        elixir: [\"1.17.3\", '1.18.3']\n    services:\n      db:\n        image: postgres:16-alpine\n    steps:\n      - with:\n          elixir-version: ${{ matrix.elixir }}\n          node-version: 22 # y\n",
		"docker-compose.yml":              "services:\n  db:\n    image: 'postgis/postgis:16-3.4'\n  app:\n    image: elixir:1.18-otp-27-slim\n",
	})
	var got []string
	for _, p := range tree.Pins {
		got = append(got, fmt.Sprintf("%s %s %s %s", p.Tool, p.From, p.Version, p.At))
	}
	counted := map[string]int{}
	for _, g := range got {
		counted[g]++
	}
	for _, want := range []string{
		"elixir .tool-versions 1.18.3 .tool-versions:2", "erlang .tool-versions 27.3.3 .tool-versions:3", "postgresql .tool-versions 16.8 .tool-versions:5",
		"elixir mise.toml 1.18 mise.toml:2", "node mise.toml 22 mise.toml:3", "node .nvmrc 22.1.0 .nvmrc:1",
		"elixir elixir_buildpack.config 1.17.0 elixir_buildpack.config:1", "erlang elixir_buildpack.config 26.2 elixir_buildpack.config:2",
		"node phoenix_static_buildpack.config 20.1 phoenix_static_buildpack.config:1",
		"elixir Dockerfile 1.18.3 Dockerfile:2", "erlang Dockerfile 27.3.3 Dockerfile:2", "elixir Dockerfile 1.18.4 Dockerfile:3", "erlang Dockerfile 27.3.4 Dockerfile:3",
		"node Dockerfile 22.2.0 Dockerfile:3", "node Dockerfile 20 Dockerfile:4", "postgresql Dockerfile 15 Dockerfile:5",
		"erlang workflows 27.3 .github/workflows/ci.yml:2", "elixir workflows 1.17.3 .github/workflows/ci.yml:7", "elixir workflows 1.18.3 .github/workflows/ci.yml:7",
		"postgresql workflows 16 .github/workflows/ci.yml:10", "node workflows 22 .github/workflows/ci.yml:14",
		"postgresql compose 16 docker-compose.yml:3", "elixir compose 1.18 docker-compose.yml:5", "erlang compose 27 docker-compose.yml:5",
		"phoenix mix.exs ~> 1.8 mix.exs:3",
	} {
		if counted[want] != 1 {
			t.Errorf("%q: %d times", want, counted[want])
		}
		delete(counted, want)
	}
	if len(counted) > 0 {
		t.Errorf("besides: %v", counted)
	}
}

func TestReleaseScriptsSetVariables(t *testing.T) {
	tree := read(t, Options{}, map[string]string{
		"rel/env.sh.eex":  "#!/bin/sh\n# export NO=1\nif x; then\n  export A=\"1 2\" B=3\nfi\nC=4\necho export D=5\n",
		"rel/vm.args.eex": "# -no x\n-setcookie word\n+K true\n",
		"fly.toml":        "[env]\nA = \"fly\"\nE = \"5\"\n",
		"Dockerfile":      "FROM x\nENV E=image F=6\n",
	})
	for _, tc := range []struct{ name, value, at string }{
		{"A", "1 2", "rel/env.sh.eex:4"}, {"B", "3", "rel/env.sh.eex:4"}, {"C", "4", "rel/env.sh.eex:6"}, {"E", "5", "fly.toml:3"}, {"F", "6", "Dockerfile:2"}, {"D", "", ""}, {"NO", "", ""},
	} {
		v, ok := tree.Set(tc.name)
		if v.Value != tc.value || v.At.String() != tc.at || ok != (tc.at != "") {
			t.Errorf("%s: got %q at %s", tc.name, v.Value, v.At)
		}
	}
	if len(tree.VMArgs) != 2 || tree.VMArgs[0].Name != "-setcookie" || tree.VMArgs[0].At.Line != 2 {
		t.Errorf("vm.args: %+v", tree.VMArgs)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("mix.exs", mixExs, "Dockerfile", "FROM x\nCMD [\"mix\", \"boot\"]\n")
	f.Add("config/runtime.exs", "import Config\na = a\nconfig :x, X.Repo, a", "mix.lock", "%{a: {:hex, 1, 2}}")
	f.Add("Procfile", "web: sh -c 'sh -c \"mix do do\"'", ".tool-versions", "elixir\nelixir 1\n")
	f.Add("fly.toml", "[experimental]\ncmd = [\"./run.sh\", \"$@\"]", "run.sh", "#!/bin/sh\n./run.sh \"$@\" $1 $9\n")
	f.Fuzz(func(t *testing.T, a, x, b, y string) {
		fsys := fstest.MapFS{}
		for name, text := range map[string]string{a: x, b: y} {
			if name != "" && !strings.ContainsAny(name, "\x00") && fsValid(name) {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		_, _ = Read(fsys, Options{})
	})
}

func fsValid(name string) bool { return fs.ValidPath(name) && name != "." }

func TestCommandsAreShownWithoutPasswords(t *testing.T) {
	for in, want := range map[string]string{
		"elixir --cookie hush -S mix phx.server":        "elixir --cookie … -S mix phx.server",
		"elixir --cookie $COOKIE -S mix":                "elixir --cookie $COOKIE -S mix",
		"DB_PASSWORD=hush env API_TOKEN=hush bin/x":     "DB_PASSWORD=… env API_TOKEN=… bin/x",
		"RELEASE_COOKIE=$X bin/x --name=a":              "RELEASE_COOKIE=$X bin/x --name=a",
		"psql postgres://me:hush@db/x --token=hush":     "psql postgres://…@db/x --token=…",
		"bin/shop eval 'Shop.Release.migrate()' -- a b": "bin/shop eval Shop.Release.migrate() -- a b",
	} {
		if got := shownText(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	tree := read(t, Options{}, map[string]string{
		"fly.toml":   "[deploy]\nrelease_command = \"sh -c 'TOKEN=hush x --password hush'\"\n[processes]\napp = \"x --cookie hush start\"\n",
		"Dockerfile": "FROM x\nCMD PASSWORD=hush x\n", "Procfile": "web: SECRET_KEY=hush x\n",
	})
	if text := fmt.Sprintf("%+v %+v", tree.Boots, tree.Release); strings.Contains(text, "hush") {
		t.Errorf("it is shown: %s", text)
	}
}
