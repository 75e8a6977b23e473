defmodule Changelog.Repo.Migrations.CreateSubscriptions do
  use Ecto.Migration

  def change do
    create table(:subscriptions) do
      add :person_id, references(:people, on_delete: :delete_all), null: false
      add :podcast_id, references(:podcasts, on_delete: :delete_all)
      add :unsubscribed_at, :naive_datetime

      timestamps()
    end

    create index(:subscriptions, [:person_id])
    create unique_index(:subscriptions, [:person_id, :podcast_id])
  end
end
