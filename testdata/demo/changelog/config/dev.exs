import Config

config :changelog, Changelog.Repo,
  hostname: "localhost",
  database: "changelog_dev",
  stacktrace: true,
  pool_size: 10

config :changelog, ChangelogWeb.Endpoint, http: [port: 4000], code_reloader: true
