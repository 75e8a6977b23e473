defmodule Mix.Tasks.Phx.Gen.Auth do
  @moduledoc "Makes small authentication: in shape what the generator is, for tests."
  use Mix.Task

  @switches [
    live: :boolean,
    binary_id: :boolean,
    hashing_lib: :string,
    table: :string,
    compile: :boolean
  ]

  def run(args, test_opts \\ []) do
    {opts, parsed} = OptionParser.parse!(args, strict: @switches)
    [context, schema, plural] = parsed

    if "--no-compile" not in args, do: Mix.Task.run("compile")

    if opts[:live] == nil and not Mix.shell().yes?("With LiveView?") do
      Mix.raise("it was to be said")
    end

    adapter = Keyword.get_lazy(test_opts, :ecto_adapter, fn -> Mix.raise("no project is compiled") end)
    app = Mix.Phoenix.otp_app()
    name = Phoenix.Naming.underscore(schema)
    dir = Path.join("lib/#{app}", Phoenix.Naming.underscore(context))
    web = "lib/#{app}_web"

    binding = [
      base: Mix.Phoenix.base(),
      context: context,
      schema: schema,
      name: name,
      table: opts[:table] || plural,
      email: if(adapter == Ecto.Adapters.Postgres, do: ":citext", else: ":string"),
      live?: Keyword.fetch!(opts, :live)
    ]

    Mix.Phoenix.copy_from("phx.gen.auth", binding, [
      {"migration.ex", "priv/repo/migrations/#{timestamp()}_create_#{binding[:table]}_auth_tables.exs"},
      {"schema_token.ex", Path.join(dir, "#{name}_token.ex")},
      {"auth.ex", Path.join(web, "#{name}_auth.ex")},
      {"login.ex", Path.join(web, if(binding[:live?], do: "live/#{name}_live/login.ex", else: "controllers/#{name}_session_controller.ex"))}
    ])

    mix = File.read!("mix.exs")
    File.write!("mix.exs", String.replace(mix, "    [{", ~s|    [{:bcrypt_elixir, "~> 3.0"}, {|, global: false))
  end

  defp timestamp do
    {{y, m, d}, {hh, mm, ss}} = :calendar.universal_time()
    Enum.map_join([y, m, d, hh, mm, ss], &String.pad_leading(to_string(&1), 2, "0"))
  end
end
