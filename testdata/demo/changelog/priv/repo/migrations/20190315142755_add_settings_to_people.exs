defmodule Changelog.Repo.Migrations.AddSettingsToPeople do
  use Ecto.Migration

  def change do
    alter table(:people) do
      add :settings, :map, null: false, default: %{}
    end
  end
end
