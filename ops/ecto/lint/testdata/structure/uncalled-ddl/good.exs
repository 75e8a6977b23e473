defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts)
    flush()
    labels(:posts)
    ["a"] |> Enum.each(&insert/1)
    execute(&more/0)
    apply(__MODULE__, :last, [])
  end

  def down do
    :posts |> undo(mode: :restrict)
  end

  defp labels(t, type \\ :text) do
    alter table(t) do
      add :label, type
    end
  end

  defp undo(t, opts), do: drop(table(t), opts)
  defp insert(v), do: execute("INSERT INTO posts (label) VALUES ('#{v}')")
  def last, do: execute("ANALYZE posts")
  def more, do: repo().query!("SELECT 1")
  def note, do: "nothing"
end
