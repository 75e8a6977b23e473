defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')", # expect: partition-attach-scan warning
            "ALTER TABLE events DETACH PARTITION events_2024"
  end
end
