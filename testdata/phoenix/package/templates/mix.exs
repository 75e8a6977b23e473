defmodule <%= @module %>.MixProject do
  use Mix.Project

  def project do
    [app: :<%= @app %>, version: "0.1.0", deps: deps()]
  end

  defp deps do
    [<%= if @ecto do %>{:ecto_sql, "~> 3.0"}, <% end %>{:phoenix, "~> 1.99"}]
  end
end
