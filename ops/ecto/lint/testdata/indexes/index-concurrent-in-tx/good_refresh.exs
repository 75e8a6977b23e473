defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "REFRESH MATERIALIZED VIEW CONCURRENTLY post_counts", "SELECT 1"
  end
end
