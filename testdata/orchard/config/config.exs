import Config

config :orchard,
  ecto_repos: [Orchard.Repo]

# The endpoint.
config :orchard, OrchardWeb.Endpoint,
  url: [host: "localhost"],
  render_errors: [view: OrchardWeb.ErrorView, accepts: ~w(html json), layout: false],
  pubsub_server: Orchard.PubSub,
  live_view: [signing_salt: "Qx81pear"]

config :orchard, Orchard.Mailer, adapter: Swoosh.Adapters.Mailgun, api_key: "key-quince-7731"

# Bundles the scripts.
config :esbuild,
  version: "0.14.29",
  default: [
    args: ~w(js/app.js --bundle --target=es2017 --outdir=../priv/static/assets),
    cd: Path.expand("../assets", __DIR__),
    env: %{"NODE_PATH" => Path.expand("../deps", __DIR__)}
  ]

config :orchard, Oban, repo: Orchard.Repo, queues: [pressing: 4]

config :logger, :console,
  format: "$time $metadata[$level] $message\n",
  metadata: [:request_id]

config :phoenix, :json_library, Jason

import_config "#{config_env()}.exs"
