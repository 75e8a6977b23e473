defmodule Changelog.Repo.Migrations.IndexSponsorsByName do
  use Ecto.Migration

  def change do
    # ops-console: ignore index-not-concurrent — a dozen sponsors, and nobody writes to them by day
    create unique_index(:sponsors, [:name])
  end
end
