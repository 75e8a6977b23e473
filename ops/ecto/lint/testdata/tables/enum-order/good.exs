defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad' AFTER 'sad'"
  end

  def down, do: :ok
end
