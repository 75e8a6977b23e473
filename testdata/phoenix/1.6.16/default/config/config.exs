import Config

config :sample_app,
  ecto_repos: [SampleApp.Repo]

# The endpoint.
config :sample_app, SampleAppWeb.Endpoint,
  url: [host: "localhost"],
  render_errors: [view: SampleAppWeb.ErrorView, accepts: ~w(html json), layout: false],
  pubsub_server: SampleApp.PubSub,
  live_view: [signing_salt: "m4VwN0bk"]

config :sample_app, SampleApp.Mailer, adapter: Swoosh.Adapters.Local

config :swoosh, :api_client, false

# Bundles the scripts.
config :esbuild,
  version: "0.14.29",
  default: [
    args: ~w(js/app.js --bundle --target=es2017 --outdir=../priv/static/assets),
    cd: Path.expand("../assets", __DIR__),
    env: %{"NODE_PATH" => Path.expand("../deps", __DIR__)}
  ]

config :logger, :console,
  format: "$time $metadata[$level] $message\n",
  metadata: [:request_id]

config :phoenix, :json_library, Jason

import_config "#{config_env()}.exs"
