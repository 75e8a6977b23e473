defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "DELETE FROM moods WHERE name = 'sad'"
  end

  def down, do: :ok
end
