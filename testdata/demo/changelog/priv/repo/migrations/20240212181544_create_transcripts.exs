defmodule Changelog.Repo.Migrations.CreateTranscripts do
  use Ecto.Migration

  def change do
    create table(:transcripts) do
      add :post_id, references(:posts, on_delete: :delete_all), null: false
      add :body, :text, null: false

      timestamps()
    end

    create unique_index(:transcripts, [:post_id])
  end
end
