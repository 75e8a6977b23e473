import Config

config :sample_app, SampleApp.Repo,
  username: "postgres",
  password: "postgres",
  hostname: "localhost",
  database: "sample_app_test#{System.get_env("MIX_TEST_PARTITION")}",
  pool: Ecto.Adapters.SQL.Sandbox,
  pool_size: 10

config :sample_app, SampleAppWeb.Endpoint,
  http: [ip: {127, 0, 0, 1}, port: 4002],
  secret_key_base: "Fx6test-of-a-fixture-and-of-nothing-else-0123456789abcdefghij",
  server: false

config :logger, level: :warn

config :phoenix, :plug_init_mode, :runtime
