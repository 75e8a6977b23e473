# Runs one of Phoenix's generators in a project whose dependencies are not there: TASK APPLICATION ADAPTER ARGUMENT…
#
# The project stands in for its own mix.exs, which would ask for them. The generators read their configuration, and files.
[task, app, adapter | args] = System.argv()
name = String.to_atom(app)

Mix.start()
# What configures a production system asks for a machine's environment.
Mix.env(:test)

defmodule OpsConsole.Project do
  use Mix.Project

  @name name
  @config if File.dir?("../../apps"), do: "../../config/config.exs", else: "config/config.exs"

  def project, do: [app: @name, version: "0.1.0", config_path: @config, deps: []]
end

Mix.Task.run("loadconfig")

# In an umbrella, the application beside this one is a dependency too.
generators = Application.get_env(name, :generators) || []

case generators[:context_app] do
  context when is_atom(context) and context not in [nil, false] ->
    Application.put_env(name, :generators, Keyword.put(generators, :context_app, {context, "../#{context}"}))

  _ ->
    :ok
end

case task do
  "phx.gen.auth" ->
    Mix.Tasks.Phx.Gen.Auth.run(args, ecto_adapter: Module.concat([adapter]), validate_dependencies?: false)

  "phx.gen.release" ->
    # It asks which images there are. Nobody is asked: the answer is one that says so.
    {:ok, _} = Application.ensure_all_started(:inets)
    :code.unstick_mod(:httpc)
    Code.compiler_options(ignore_module_conflict: true)

    defmodule :httpc do
      def set_options(_), do: :ok

      def request(:get, {url, _}, _, _) do
        query = url |> to_string() |> URI.parse() |> Map.fetch!(:query) |> URI.decode_query()
        tag = (query["name"] || query["tag"]) <> "00000000-slim"

        body = %{
          "results" => [%{"name" => tag}],
          "tags" => [%{"repo" => query["repo"], "tag" => tag}],
          "total" => 1
        }

        {:ok, {{:http, 200, :ok}, [], :erlang.term_to_binary(body)}}
      end
    end

    Mix.Tasks.Phx.Gen.Release.run(args)
end
