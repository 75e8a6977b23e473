use Mix.Config

config :sample_app,
  ecto_repos: [SampleApp.Repo]

# The endpoint.
config :sample_app, SampleAppWeb.Endpoint,
  url: [host: "localhost"],
  secret_key_base: "Fx5config-of-a-fixture-and-of-nothing-else-0123456789abcdefghij",
  render_errors: [view: SampleAppWeb.ErrorView, accepts: ~w(html json), layout: false],
  pubsub_server: SampleApp.PubSub,
  live_view: [signing_salt: "p1Qe8ZtA"]

config :logger, :console,
  format: "$time $metadata[$level] $message\n",
  metadata: [:request_id]

config :phoenix, :json_library, Jason

import_config "#{Mix.env()}.exs"
