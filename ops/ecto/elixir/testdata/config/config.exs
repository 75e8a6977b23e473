import Config

config :shop,
  ecto_repos: [Shop.Repo, Shop.Archive.Repo],
  generators: [timestamp_type: :utc_datetime, binary_id: true]

config :shop, Shop.Repo,
  migration_lock: :pg_advisory_lock,
  migration_primary_key: [name: :id, type: :binary_id],
  migration_foreign_key: [column: :id, type: :binary_id],
  migration_timestamps: [type: :utc_datetime_usec],
  start_apps_before_migration: [:ssl]

config :shop, Shop.Archive.Repo,
  priv: "priv/archive",
  migration_source: "archive_migrations",
  migration_default_prefix: "archive",
  pool_size: String.to_integer(System.get_env("POOL_SIZE") || "10")

config :logger, :console, format: "$time $metadata[$level] $message\n", metadata: [:request_id]

config :esbuild, version: "0.17.11", default: [args: ~w(js/app.js --bundle), env: %{"NODE_PATH" => Path.expand("../deps", __DIR__)}]

if config_env() == :prod do
  config :shop, Shop.Repo, ssl: true
end

import_config "#{config_env()}.exs"
