defmodule Changelog.Repo.Migrations.CreateSponsors do
  use Ecto.Migration

  def change do
    create table(:sponsors) do
      add :name, :string, null: false
      add :website, :string

      timestamps()
    end
  end
end
