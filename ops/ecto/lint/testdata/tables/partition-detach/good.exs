defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up, do: execute("ALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY")
  def down, do: :ok
end
