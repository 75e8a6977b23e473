defmodule Changelog.Repo.Migrations.AddWebsiteIndexToSponsors do
  use Ecto.Migration

  def change do
    create index(:sponsors, [:website])
  end
end
