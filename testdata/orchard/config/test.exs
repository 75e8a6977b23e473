import Config

config :orchard, Orchard.Repo,
  username: "postgres",
  password: "postgres",
  hostname: "localhost",
  database: "orchard_test#{System.get_env("MIX_TEST_PARTITION")}",
  pool: Ecto.Adapters.SQL.Sandbox,
  pool_size: 10

config :orchard, OrchardWeb.Endpoint,
  http: [ip: {127, 0, 0, 1}, port: 4002],
  secret_key_base: "Orchard-test-key-z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3z3",
  server: false

config :logger, level: :warn

config :phoenix, :plug_init_mode, :runtime
