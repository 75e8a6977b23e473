defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @table "posts"

  def up do
    for column <- ~w(title body) do
      execute "ALTER TABLE #{@table} ALTER COLUMN #{column} SET STATISTICS 500"
    end
  end

  def down, do: :ok
end
