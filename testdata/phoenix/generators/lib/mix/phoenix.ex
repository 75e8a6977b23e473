defmodule Mix.Phoenix do
  @moduledoc "What the generators share."

  def otp_app, do: Keyword.fetch!(Mix.Project.config(), :app)

  @doc "The application's module, as its configuration names it."
  def base do
    otp_app()
    |> Application.get_all_env()
    |> Enum.find_value(fn {key, _} ->
      case inspect(key) |> String.split("Web.Endpoint") do
        [base, ""] -> base
        _ -> nil
      end
    end)
  end

  def copy_from(dir, binding, mapping) do
    for {source, target} <- mapping do
      from = Application.app_dir(:phoenix, Path.join(["priv/templates", dir, source]))
      Mix.Generator.create_file(target, EEx.eval_file(from, binding))
    end
  end
end
