import Config

config :changelog, Changelog.Repo,
  hostname: "localhost",
  database: "changelog_test#{System.get_env("MIX_TEST_PARTITION")}",
  pool: Ecto.Adapters.SQL.Sandbox

config :changelog, ChangelogWeb.Endpoint, http: [port: 4002], server: false
config :changelog, Oban, testing: :manual
