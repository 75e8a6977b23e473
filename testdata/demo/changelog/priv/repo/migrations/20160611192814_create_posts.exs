defmodule Changelog.Repo.Migrations.CreatePosts do
  use Ecto.Migration

  def change do
    create table(:posts) do
      add :podcast_id, references(:podcasts, on_delete: :delete_all)
      add :author_id, references(:people), null: false
      add :title, :string, null: false
      add :slug, :string, null: false
      add :tldr, :text
      add :body, :text
      add :published, :boolean, null: false, default: false
      add :published_at, :naive_datetime

      timestamps()
    end

    create unique_index(:posts, [:slug])
    create index(:posts, [:author_id])
  end
end
