defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute("CREATE TABLE events (id bigint, day date) PARTITION BY RANGE (day)", "DROP TABLE events")
    execute("CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')", "DROP TABLE events_1")
    create index(:events, [:day])
  end
end
