defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:events, primary_key: false, options: "PARTITION BY RANGE (at)") do
      add :at, :utc_datetime
    end

    execute "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
  end

  def down, do: drop(table(:events))
end
