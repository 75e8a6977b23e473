defmodule Phx.New.MixProject do
  use Mix.Project

  # The package's own, with a dependency that its developers have: it is not the one that it is compiled with.
  def project do
    [
      app: :phx_new,
      version: "1.99.0",
      elixir: "~> 1.11",
      deps: [{:ex_doc, "~> 0.24", only: :docs}]
    ]
  end

  def application do
    [extra_applications: [:eex, :crypto]]
  end
end
