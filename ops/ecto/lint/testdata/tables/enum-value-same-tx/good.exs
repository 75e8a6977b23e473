defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'"
    execute "ALTER TYPE mood ADD VALUE 'elated' AFTER 'glad'"
  end

  def down, do: :ok
end
