defmodule Changelog.Repo.Migrations.AddImpressionsToPosts do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :impressions, :integer, null: false, default: 0
    end
  end
end
