defmodule Sent.Folding do
  use Ecto.Migration

  @table :people
  @columns ~w(first_name last_name)a
  @opts [on_delete: :delete_all, type: :uuid]
  @prefixes ["a", "b"]
  @sql """
  SELECT 'from an attribute'
  """
  @nested [table: @table, words: ~w(x y z)]

  defmacrop audit(name) do
    quote do
      add unquote(name), :string, size: 20
      timestamps updated_at: false
    end
  end

  def up do
    create table(@table, primary_key: false) do
      add :id, :uuid, primary_key: true
      add :other, references(:others, @opts)
      for c <- @columns, do: add(c, :string)
      Enum.each(~w(a b)a, &add(&1, :integer, default: 0))
      add_audit(:text)
      audit :author
    end

    execute @sql

    for p <- @prefixes, n <- 1..2, n != 2 or p == "b" do
      execute "CREATE TABLE #{p}.t#{n} (id int)"
    end

    name = "idx_" <> Atom.to_string(@table)
    create index(@table, @columns, name: name <> "_names", where: "first_name" <> " IS NOT " <> "NULL")

    [{:x, "1"}, {:y, "2"}]
    |> Enum.map(fn {k, v} -> "#{k} = #{v}" end)
    |> Enum.join(" AND ")
    |> then(&execute("SELECT #{&1}"))

    case direction() do
      :up -> execute("SELECT 'up'")
      :down -> execute("SELECT 'down'")
    end

    cond do
      @table == :other -> execute("SELECT 'no'")
      true -> execute("SELECT 'yes'")
    end

    unless false, do: execute(~s(SELECT "quoted"))
    execute(~S"""
      SELECT '\d'
    """)
    execute("SELECT 'a' \
    'b'")

    with {:ok, n} <- {:ok, 5} do
      execute("SELECT #{n + 1}, #{n * 2}, #{-n}, #{div(n, 2)}, #{rem(n, 2)}")
    end

    %{table: t, words: words} = Map.new(@nested)
    execute("SELECT '#{t}', '#{Enum.join(words, "','")}', #{length(words)}")

    opts = Keyword.merge([unique: true], name: :merged)
    create index(@table, [:other], opts)
    create index(@table, [:last_name], [{:unique, true} | [name: "consed"]])

    Enum.reduce(1..3, "", fn i, acc -> acc <> Integer.to_string(i) end)
    |> String.replace("2", "-")
    |> then(fn s -> execute("SELECT '" <> s <> "'") end)

    for {c, i} <- Enum.with_index(@columns), into: %{} do
      execute("SELECT '#{c}', #{i}")
      {c, i}
    end

    recurse(3)
    named(to: "keyword")
    Helpers.helped(:people)
    index(@table, [:b]) |> create()
    @table |> table() |> drop(mode: :cascade)
    try do
      execute("SELECT 'tried'")
    after
      execute("SELECT 'after'")
    end

    execute("SELECT #{inspect(:atom)}, '#{inspect("text")}', #{1.0e10}, #{0.1}, #{1.0}, #{123456789.0}, #{1.5e-9}")
    execute("SELECT '#{String.upcase("abc")}#{String.capitalize("abc")}#{String.trim("  x ")}#{String.slice("hello", 1, 3)}'")
    execute("SELECT '#{Enum.map_join([1, 2], ", ", &"#{&1}")}#{List.first([7])}#{List.last([8])}#{Enum.at([1, 2, 3], -2)}'")
    execute("SELECT '#{"a,b,,c" |> String.split(",", trim: true) |> Enum.reverse() |> Enum.join()}#{String.duplicate("ab", 3)}'")
    execute("SELECT #{if nil, do: 1, else: 2} #{nil} #{:atom} #{?a} #{'charlist'}")
  end

  def down do
    drop table(@table)
    (fn -> execute("SELECT 'called'") end).()
    Enum.each([index(:people, [:a]), index(:people, [:b], name: "b")], &drop_if_exists/1)
    f = &execute/1
    f.("SELECT 'captured'")
    if Enum.any?([1, 2], &(&1 > 1)), do: execute("SELECT 'any'")
    execute("SELECT '#{Enum.filter(1..6, &(rem(&1, 2) == 0)) |> Enum.join("")}'")
    for <<c <- "ab">>, false, do: execute("SELECT '#{c}'")
  end

  defp add_audit(type, opts \\ [null: true]) do
    add :audited_by, type, opts
  end

  defp recurse(0), do: execute("SELECT 'done'")

  defp recurse(n) when n > 0 do
    execute("SELECT #{n}")
    recurse(n - 1)
  end

  defp named(opts), do: execute("SELECT '#{opts[:to]}#{Keyword.get(opts, :from, "nothing")}'")
end

defmodule Helpers do
  import Ecto.Migration

  def helped(name) do
    alter table(name) do
      helper_column()
    end
  end

  defp helper_column, do: add(:helped, :boolean, default: false, null: false)
end
