defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:scratch)
    execute "ALTER TABLE scratch SET SCHEMA archive"
  end

  def down, do: :ok
end
