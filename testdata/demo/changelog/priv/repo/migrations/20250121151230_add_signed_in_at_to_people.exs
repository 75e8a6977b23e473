defmodule Changelog.Repo.Migrations.AddSignedInAtToPeople do
  use Ecto.Migration

  def change do
    alter table(:people) do
      add :signed_in_at, :naive_datetime
    end
  end
end
