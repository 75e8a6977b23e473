package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
)

// rename is Rename of one file.
func rename(version, at, text, app, module string) (string, string, []string) {
	t := &phoenix.Tree{
		Spec:  phoenix.Spec{Axis: phoenix.Project, Version: phoenix.MustVersion(version), App: App, Module: Module},
		Files: map[string]phoenix.File{at: {Data: []byte(text)}},
	}
	out, notes := Rename(t, app, module)
	p := out.Paths()[0]
	return p, string(out.Files[p].Data), notes
}

func TestNamesArePutInAsTheGeneratorWouldWriteThem(t *testing.T) {
	const long = "an_application_of_a_long_name"
	for name, c := range map[string]struct {
		version, at, text, app, module string
		wantAt, want                   string
		notes                          string
	}{
		"paths and text": {
			"1.5.8", "lib/sample_app_web/endpoint.ex", "defmodule SampleAppWeb.Endpoint do\n  use Phoenix.Endpoint, otp_app: :sample_app\n",
			"shop", "Shop",
			"lib/shop_web/endpoint.ex", "defmodule ShopWeb.Endpoint do\n  use Phoenix.Endpoint, otp_app: :shop\n", "",
		},
		"an imagined application stays": {
			"1.8.8", "AGENTS.md", "MyAppWeb of my_app\n", "shop", "Shop", "AGENTS.md", "MyAppWeb of my_app\n", "",
		},
		"what is not text stays": {
			"1.8.8", "priv/static/x.ico", "\x00sample_app", "shop", "Shop", "priv/static/x.ico", "\x00sample_app", "",
		},
		"a short name joins": {
			"1.7.14", "config/prod.exs", "config :sample_app, SampleAppWeb.Endpoint,\n  cache_static_manifest: \"priv/static/cache_manifest.json\"\n\n",
			"shop", "Shop",
			"config/prod.exs", "config :shop, ShopWeb.Endpoint, cache_static_manifest: \"priv/static/cache_manifest.json\"\n\n", "",
		},
		"but not before the formatter": {
			"1.5.8", "config/prod.exs", "config :sample_app, SampleAppWeb.Endpoint,\n  cache_static_manifest: \"priv/static/cache_manifest.json\"\n",
			"shop", "Shop",
			"config/prod.exs", "config :shop, ShopWeb.Endpoint,\n  cache_static_manifest: \"priv/static/cache_manifest.json\"\n", "",
		},
		"and not what stood on two lines anyway": {
			"1.7.14", "config/test.exs", "config :sample_app, SampleApp.Mailer,\n  adapter: Swoosh.Adapters.Test\n", "shop", "Shop",
			"config/test.exs", "config :shop, Shop.Mailer,\n  adapter: Swoosh.Adapters.Test\n", "",
		},
		"nor what has two options": {
			"1.7.14", "config/test.exs", "config :sample_app, SampleApp.Mailer,\n  adapter: Swoosh.Adapters.Test, other: \"0123456789012345678901234567890123456789\",\n  b: 1\n",
			"shop", "Shop",
			"config/test.exs", "config :shop, Shop.Mailer,\n  adapter: Swoosh.Adapters.Test, other: \"0123456789012345678901234567890123456789\",\n  b: 1\n", "",
		},
		"a long name wraps": {
			"1.7.14", "config/config.exs", "config :sample_app, SampleApp.Mailer, adapter: Swoosh.Adapters.Local\n", long, "AnApplicationOfALongName",
			"config/config.exs", "config :an_application_of_a_long_name, AnApplicationOfALongName.Mailer,\n  adapter: Swoosh.Adapters.Local\n", "",
		},
		"but not in what is of one template": {
			"1.6.16", "config/config.exs", "config :sample_app, SampleApp.Mailer, adapter: Swoosh.Adapters.Local\n", long, "AnApplicationOfALongName",
			"config/config.exs", "config :an_application_of_a_long_name, AnApplicationOfALongName.Mailer, adapter: Swoosh.Adapters.Local\n", "",
		},
		"a long name in a line of another form": {
			"1.7.14", "config/runtime.exs", "  database: Path.expand(\"../sample_app_dev.db\", __ENV__.file), other: Path.expand(\"../sample_app\")\n", long, "AnApplicationOfALongName",
			"config/runtime.exs",
			"  database: Path.expand(\"../an_application_of_a_long_name_dev.db\", __ENV__.file), other: Path.expand(\"../an_application_of_a_long_name\")\n",
			"config/runtime.exs has a line that the generator may have wrapped",
		},
		"a module of another name": {
			"1.7.14", "config/config.exs", "config :sample_app,\n  ecto_repos: [SampleApp.Repo],\n  generators: [binary_id: true]\n", "chat_api", "ChatAPI",
			"config/config.exs", "config :chat_api,\n  namespace: ChatAPI,\n  ecto_repos: [ChatAPI.Repo],\n  generators: [binary_id: true]\n", "",
		},
		"a module of another name in an umbrella": {
			"1.7.14", "config/config.exs", "config :sample_app,\n  ecto_repos: [SampleApp.Repo]\n\nconfig :sample_app_web,\n  ecto_repos: [SampleApp.Repo],\n  generators: [context_app: :sample_app]\n",
			"chat_api", "ChatAPI",
			"config/config.exs", "config :chat_api,\n  namespace: ChatAPI,\n  ecto_repos: [ChatAPI.Repo]\n\nconfig :chat_api_web,\n  namespace: ChatAPIWeb,\n  ecto_repos: [ChatAPI.Repo],\n  generators: [context_app: :chat_api]\n",
			"",
		},
		"a module of another name where there is no place to say it": {
			"1.7.14", "config/config.exs", "import Config\n", "chat_api", "ChatAPI", "config/config.exs", "import Config\n",
			"the generator would have said namespace: ChatAPI in its configuration",
		},
		"the same names": {"1.7.14", "sample_app", "SampleApp\n", "sample_app", "SampleApp", "sample_app", "SampleApp\n", ""},
	} {
		at, text, notes := rename(c.version, c.at, c.text, c.app, c.module)
		if d := cmp.Diff(c.wantAt+"\n"+c.want, at+"\n"+text); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if got := strings.Join(notes, "; "); got != c.notes {
			t.Errorf("%s: notes %q, want %q", name, got, c.notes)
		}
	}
}

func TestCamelizeIsElixirs(t *testing.T) {
	for app, want := range map[string]string{"chat_api": "ChatApi", "a": "A", "a__b": "AB", "shop2": "Shop2", "a_1b": "A1b"} {
		if got := Camelize(app); got != want {
			t.Errorf("%s is %s, want %s", app, got, want)
		}
	}
}
