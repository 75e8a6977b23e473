defmodule Changelog.Repo.Migrations.AddWatchForLsnChange do
  use Ecto.Migration

  def up, do: Fly.Postgres.Migrations.V01.up()
  def down, do: Fly.Postgres.Migrations.V01.down()
end
