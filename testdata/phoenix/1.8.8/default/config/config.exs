import Config

config :sample_app,
  ecto_repos: [SampleApp.Repo],
  generators: [timestamp_type: :utc_datetime]

# The endpoint.
config :sample_app, SampleAppWeb.Endpoint,
  url: [host: "localhost"],
  adapter: Bandit.PhoenixAdapter,
  render_errors: [
    formats: [html: SampleAppWeb.ErrorHTML, json: SampleAppWeb.ErrorJSON],
    layout: false
  ],
  pubsub_server: SampleApp.PubSub,
  live_view: [signing_salt: "t7GhJ5xu"]

config :sample_app, SampleApp.Mailer, adapter: Swoosh.Adapters.Local

# Bundles the scripts.
config :esbuild,
  version: "0.25.4",
  sample_app: [
    args: ~w(js/app.js --bundle --target=es2022 --outdir=../priv/static/assets),
    cd: Path.expand("../assets", __DIR__),
    env: %{"NODE_PATH" => Path.expand("../deps", __DIR__)}
  ]

config :tailwind,
  version: "4.1.12",
  sample_app: [
    args: ~w(--input=css/app.css --output=../priv/static/assets/app.css),
    cd: Path.expand("../assets", __DIR__)
  ]

config :logger, :default_formatter,
  format: "$time $metadata[$level] $message\n",
  metadata: [:request_id]

config :phoenix, :json_library, Jason

import_config "#{config_env()}.exs"
