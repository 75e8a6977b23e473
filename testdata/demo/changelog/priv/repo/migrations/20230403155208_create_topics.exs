defmodule Changelog.Repo.Migrations.CreateTopics do
  use Ecto.Migration

  def change do
    create table(:topics) do
      add :name, :string, null: false
      add :slug, :string, null: false

      timestamps()
    end

    create unique_index(:topics, [:slug])

    create table(:posts_topics, primary_key: false) do
      add :post_id, references(:posts, on_delete: :delete_all), null: false, primary_key: true
      add :topic_id, references(:topics, on_delete: :delete_all), null: false, primary_key: true
    end

    create index(:posts_topics, [:topic_id])
  end
end
