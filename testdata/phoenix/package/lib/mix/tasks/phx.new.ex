defmodule Mix.Tasks.Phx.New do
  @moduledoc "Makes a small application: in shape what a generator is, for tests."
  use Mix.Task
  require EEx

  @switches [
    module: :string,
    umbrella: :boolean,
    assets: :boolean,
    binary_id: :boolean,
    dashboard: :boolean,
    gettext: :boolean,
    mailer: :boolean,
    database: :string,
    ecto: :boolean,
    html: :boolean,
    live: :boolean,
    install: :boolean,
    inside_docker_env: :boolean,
    version_check: :boolean
  ]

  @templates [
    {"mix.exs", "mix.exs"},
    {"config.exs", "config/config.exs"},
    {"endpoint.ex", "lib/app_name_web/endpoint.ex"},
    {"repo.ex", "lib/app_name/repo.ex"}
  ]

  # Templates become part of the compiled module, as those of the real package do.
  for {name, _} <- @templates do
    path = Path.expand("../../../templates/#{name}", __DIR__)
    @external_resource path
    EEx.function_from_file(:defp, String.to_atom("render_#{name}"), path, [:assigns])
  end

  def run(argv) do
    {opts, [app], []} = OptionParser.parse(argv, strict: @switches)

    assigns = [
      app: app,
      module: Keyword.fetch!(opts, :module),
      secret: random(64),
      salt: random(8),
      ecto: Keyword.get(opts, :ecto, true)
    ]

    root = if opts[:umbrella], do: app <> "_umbrella", else: app

    for {name, target} <- @templates, name != "repo.ex" or assigns[:ecto] do
      path = Path.join(root, String.replace(target, "app_name", app))
      Mix.Generator.create_file(path, render(name, assigns))
    end

    script = Path.join(root, "rel/overlays/bin/server")
    Mix.Generator.create_file(script, "#!/bin/sh\nexec ./#{app} start\n")
    File.chmod!(script, 0o755)

    if opts[:install] != false and Mix.shell().yes?("Fetch and install dependencies?") do
      raise "it was to be answered with no"
    end

    if System.find_executable("git") do
      System.cmd("git", ["init", "--quiet"], cd: root)
    end
  end

  for {name, _} <- @templates do
    defp render(unquote(name), assigns), do: unquote(String.to_atom("render_#{name}"))(assigns)
  end

  defp random(length), do: :crypto.strong_rand_bytes(length) |> Base.encode64() |> binary_part(0, length)
end
