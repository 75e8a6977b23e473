defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'" # expect: enum-value-same-tx error
    execute "UPDATE people SET mood = 'glad' WHERE id = 1"
  end

  def down, do: :ok
end
