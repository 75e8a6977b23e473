defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "DELETE FROM pg_enum WHERE enumlabel = 'sad'" # expect: enum-remove warning
  end

  def down, do: :ok
end
