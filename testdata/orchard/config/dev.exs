import Config

config :orchard, Orchard.Repo,
  username: "postgres",
  password: "golden-delicious",
  hostname: "localhost",
  database: "orchard_dev",
  stacktrace: true,
  show_sensitive_data_on_connection_error: true,
  pool_size: 10

config :orchard, OrchardWeb.Endpoint,
  http: [ip: {127, 0, 0, 1}, port: 4000],
  check_origin: false,
  debug_errors: true,
  code_reloader: true,
  secret_key_base: "Orchard-dev-key-q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7q7",
  watchers: [
    esbuild: {Esbuild, :install_and_run, [:default, ~w(--sourcemap=inline --watch)]}
  ]

# Files that reload the browser.
config :orchard, OrchardWeb.Endpoint,
  live_reload: [
    patterns: [
      ~r"priv/static/.*(js|css|png|svg)$",
      ~r"priv/gettext/.*(po)$",
      ~r"lib/orchard_web/(live|views)/.*(ex|heex)$"
    ]
  ]

config :logger, :console, format: "[$level] $message\n"
config :phoenix, :stacktrace_depth, 20
config :phoenix, :plug_init_mode, :runtime
