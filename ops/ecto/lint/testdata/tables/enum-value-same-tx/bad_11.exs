# with: target=11
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'" # expect: enum-value-same-tx error
  end

  def down, do: :ok
end
