defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "REFRESH MATERIALIZED VIEW CONCURRENTLY daily"
    execute "CREATE MATERIALIZED VIEW weekly AS SELECT 1 AS a WITH NO DATA"
    execute "REFRESH MATERIALIZED VIEW weekly"
  end

  def down, do: :ok
end
