import Config

config :a, A.Repo,
  url: "x",
  pool_size: ,
  ssl: true

config :a, ecto_repos: [A.Repo]
