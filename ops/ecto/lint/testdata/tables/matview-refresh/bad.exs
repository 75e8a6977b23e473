defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "REFRESH MATERIALIZED VIEW daily", "" # expect: matview-refresh warning
  end
end
