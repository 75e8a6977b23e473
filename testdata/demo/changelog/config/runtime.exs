import Config

if System.get_env("PHX_SERVER") do
  config :changelog, ChangelogWeb.Endpoint, server: true
end

if config_env() == :prod do
  database_url =
    System.get_env("DATABASE_URL") ||
      raise "environment variable DATABASE_URL is missing"

  config :changelog, Changelog.Repo,
    url: database_url,
    socket_options: [:inet6],
    pool_size: String.to_integer(System.get_env("POOL_SIZE") || "10")

  config :changelog, ChangelogWeb.Endpoint,
    url: [host: System.get_env("PHX_HOST") || "changelog.example", port: 443, scheme: "https"],
    secret_key_base: System.fetch_env!("SECRET_KEY_BASE")
end
