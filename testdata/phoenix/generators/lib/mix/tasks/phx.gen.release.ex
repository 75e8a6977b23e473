defmodule Mix.Tasks.Phx.Gen.Release do
  @moduledoc "Makes a few files of a release: in shape what the generator is, for tests."
  use Mix.Task

  def run(args) do
    {opts, []} = OptionParser.parse!(args, strict: [docker: :boolean, ecto: :boolean])
    app = Mix.Phoenix.otp_app()
    binding = [app: app, base: Mix.Phoenix.base()]

    if Keyword.get_lazy(opts, :ecto, fn -> Mix.raise("dependencies are not known") end) do
      Mix.Phoenix.copy_from("phx.gen.release", binding, [
        {"migrate.sh", "rel/overlays/bin/migrate"},
        {"release.ex", "lib/#{app}/release.ex"}
      ])

      File.chmod!("rel/overlays/bin/migrate", 0o755)
    end

    if opts[:docker], do: gen_docker(binding)
  end

  defp gen_docker(binding) do
    elixir = System.version()
    url = String.to_charlist("https://hub.example.com/v2/tags?name=#{elixir}-erlang-25.0-debian-bookworm-")
    {:ok, {{_, 200, _}, _, body}} = :httpc.request(:get, {url, []}, [], body_format: :binary)
    %{"results" => [%{"name" => image}]} = Phoenix.json_library().decode!(body)
    [^elixir, debian] = String.split(image, "-erlang-25.0-debian-")
    Mix.Phoenix.copy_from("phx.gen.release", [elixir: elixir, debian: debian] ++ binding, [{"Dockerfile", "Dockerfile"}])
  end
end
