use Mix.Config

config :sample_app, SampleApp.Repo,
  username: "postgres",
  password: "postgres",
  database: "sample_app_dev",
  hostname: "localhost",
  show_sensitive_data_on_connection_error: true,
  pool_size: 10

config :sample_app, SampleAppWeb.Endpoint,
  http: [port: 4000],
  debug_errors: true,
  code_reloader: true,
  watchers: [
    node: ["node_modules/webpack/bin/webpack.js", "--mode", "development", "--watch-stdin"]
  ]

# Files that reload the browser.
config :sample_app, SampleAppWeb.Endpoint,
  live_reload: [
    patterns: [
      ~r"priv/static/.*(js|css|png|svg)$",
      ~r"priv/gettext/.*(po)$",
      ~r"lib/sample_app_web/(live|views)/.*(ex)$"
    ]
  ]

config :logger, :console, format: "[$level] $message\n"
config :phoenix, :stacktrace_depth, 20
config :phoenix, :plug_init_mode, :runtime
