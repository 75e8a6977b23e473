# severity: irreversible-change=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # ops-console:ignore drop-table -- nothing writes to it since March
    drop_if_exists table(:posts)
    # excellent_migrations:safety-assured-for-next-line table_dropped
    create table(:posts)
  end
end
