defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TYPE mood ADD VALUE 'glad'" # expect: enum-order info
  end

  def down, do: :ok
end
