defmodule Changelog.Repo.Migrations.RequireRegionOfPlays do
  use Ecto.Migration

  def change do
    alter table(:plays) do
      modify :region, :string, size: 8, null: false, from: {:string, size: 8, null: true}
    end
  end
end
