import Config

config :<%= @app %>, <%= @module %>Web.Endpoint,
  secret_key_base: "<%= @secret %>",
  live_view: [signing_salt: "<%= @salt %>"]
