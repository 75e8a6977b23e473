defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute System.get_env("SQL") # expect: raw-sql-unresolved info
    execute Application.get_env(:demo, :sql)
  end

  def down, do: :ok
end
