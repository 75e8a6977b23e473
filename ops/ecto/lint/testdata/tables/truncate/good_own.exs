defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:scratch)
    execute "TRUNCATE scratch"
  end

  def down, do: :ok
end
