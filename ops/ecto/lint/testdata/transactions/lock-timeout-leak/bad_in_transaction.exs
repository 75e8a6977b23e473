defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "SET statement_timeout TO '1min'" # expect: lock-timeout-leak warning
    execute "ALTER TABLE posts VALIDATE CONSTRAINT c"
  end

  def down, do: :ok
end
