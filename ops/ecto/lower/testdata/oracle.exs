# What ecto_sql sends to PostgreSQL for migrations, without a PostgreSQL: the runner is Ecto's own, the repo beneath it
# writes down what it is given.
#
#   elixir -pa EBIN testdata/oracle.exs FILE... > result
#
# EBIN has ecto, ecto_sql, postgrex and what they need, compiled. One line of JSON for each file: path, up, down (lists of
# statements), up_error, down_error (what was raised, null without). Only files of one's own should be given to it: they
# are run.

defmodule Oracle.Adapter do
  def execute_ddl(_meta, command, _opts) do
    for sql <- Ecto.Adapters.Postgres.Connection.execute_ddl(command) do
      Agent.update(Oracle.Log, &[IO.iodata_to_binary(sql) | &1])
    end

    {:ok, []}
  end
end

defmodule Oracle.Repo do
  def __adapter__, do: Oracle.Adapter
  def config, do: Agent.get(Oracle.Config, & &1)
  def get_dynamic_repo, do: __MODULE__
  def in_transaction?, do: true

  def query!(sql, _params \\ [], _opts \\ []) do
    Agent.update(Oracle.Log, &[IO.iodata_to_binary(sql) | &1])
    %{rows: [], num_rows: 0, columns: []}
  end

  def query(sql, params \\ [], opts \\ []), do: {:ok, query!(sql, params, opts)}
end

defmodule Oracle do
  alias Ecto.Migration.Runner

  def start(config) do
    Logger.configure(level: :error)
    Application.put_env(:ecto_sql, :postgres_map_type, "jsonb")
    Application.put_env(:postgrex, :json_library, Jason)
    {:ok, _} = Agent.start_link(fn -> [] end, name: Oracle.Log)
    {:ok, _} = Agent.start_link(fn -> config end, name: Oracle.Config)
    {:ok, _} = Ecto.Repo.Registry.start_link([])
    {:ok, _} = DynamicSupervisor.start_link(strategy: :one_for_one, name: Ecto.MigratorSupervisor)
    Process.register(self(), Oracle.Repo)
    Ecto.Repo.Registry.associate(self(), Oracle.Repo, %{})
  end

  def file(path) do
    modules = for {m, _} <- Code.compile_file(path), function_exported?(m, :__migration__, 0), do: m
    result = run(hd(modules))
    for {m, _} <- Enum.map(modules, &{&1, nil}), do: (:code.purge(m); :code.delete(m))
    Map.put(result, :path, path)
  rescue
    e -> %{path: path, error: Exception.message(e)}
  end

  defp run(module) do
    {up, up_error} =
      if function_exported?(module, :up, 0),
        do: direction(module, :forward, :up, :up),
        else: direction(module, :forward, :change, :up)

    {down, down_error} =
      cond do
        function_exported?(module, :down, 0) -> direction(module, :forward, :down, :down)
        function_exported?(module, :change, 0) -> direction(module, :backward, :change, :down)
        true -> {[], "no way down"}
      end

    %{up: up, down: down, up_error: up_error, down_error: down_error}
  end

  defp direction(module, direction, function, migrator) do
    Agent.update(Oracle.Log, fn _ -> [] end)

    error =
      try do
        Runner.run(Oracle.Repo, Oracle.Repo.config(), 1, module, direction, function, migrator, log: false)
        nil
      rescue
        e -> Exception.message(e)
      catch
        kind, e -> inspect({kind, e})
      end

    {Agent.get(Oracle.Log, &Enum.reverse/1), error}
  end
end

config =
  case System.get_env("ORACLE_CONFIG") do
    none when none in [nil, ""] -> []
    text -> text |> Code.eval_string() |> elem(0)
  end

Oracle.start(config)

paths =
  case System.argv() do
    ["@" <> list] -> list |> File.read!() |> String.split("\n", trim: true)
    paths -> paths
  end

for path <- paths, do: IO.puts(Jason.encode!(Oracle.file(path)))
