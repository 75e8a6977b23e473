[
  import_deps: [:ecto, :ecto_sql, :phoenix],
  subdirectories: ["priv/*/migrations"],
  inputs: ["*.exs", "{config,lib,test}/**/*.{ex,exs}"]
]
