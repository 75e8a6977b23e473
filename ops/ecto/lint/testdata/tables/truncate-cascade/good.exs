defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:scratch)
    execute "TRUNCATE scratch CASCADE"
  end

  def down, do: :ok
end
