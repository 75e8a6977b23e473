use Mix.Config

config :sample_app, SampleApp.Repo,
  username: "postgres",
  password: "postgres",
  hostname: "localhost",
  database: "sample_app_test#{System.get_env("MIX_TEST_PARTITION")}",
  pool: Ecto.Adapters.SQL.Sandbox

config :sample_app, SampleAppWeb.Endpoint,
  http: [port: 4002],
  server: false

config :logger, level: :warn
