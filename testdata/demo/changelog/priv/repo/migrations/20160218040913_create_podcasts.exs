defmodule Changelog.Repo.Migrations.CreatePodcasts do
  use Ecto.Migration

  def change do
    create table(:podcasts) do
      add :name, :string, null: false
      add :slug, :string, null: false
      add :status, :integer, null: false, default: 0

      timestamps()
    end

    create unique_index(:podcasts, [:slug])
  end
end
