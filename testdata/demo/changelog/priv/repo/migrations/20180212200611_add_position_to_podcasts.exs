defmodule Changelog.Repo.Migrations.AddPositionToPodcasts do
  use Ecto.Migration

  def change do
    alter table(:podcasts) do
      add :position, :integer
    end
  end
end
