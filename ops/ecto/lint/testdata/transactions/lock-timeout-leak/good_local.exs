defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "SET LOCAL lock_timeout TO '5s'"
    execute "ALTER TABLE posts VALIDATE CONSTRAINT c"
  end

  def down, do: :ok
end
