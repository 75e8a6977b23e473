defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:scratch)
    drop table(:scratch)
  end

  def down, do: :ok
end
