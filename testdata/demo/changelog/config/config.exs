import Config

config :changelog,
  ecto_repos: [Changelog.Repo],
  generators: [timestamp_type: :naive_datetime]

config :changelog, ChangelogWeb.Endpoint,
  url: [host: "localhost"],
  adapter: Bandit.PhoenixAdapter,
  pubsub_server: Changelog.PubSub

config :changelog, Oban, repo: Changelog.Repo, queues: [default: 5, feeds: 10]

config :phoenix, :json_library, Jason

import_config "#{config_env()}.exs"
