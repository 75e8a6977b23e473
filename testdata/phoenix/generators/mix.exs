defmodule Phoenix.MixProject do
  use Mix.Project

  # The package's own, with a dependency: it is not the one that it is compiled with.
  def project do
    [
      app: :phoenix,
      version: "1.99.0",
      elixir: "~> 1.11",
      deps: [{:plug, "~> 1.14"}]
    ]
  end
end
