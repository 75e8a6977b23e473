defmodule Changelog.Repo.Migrations.CreateBookmarks do
  use Ecto.Migration

  def change do
    execute("SET LOCAL lock_timeout TO '3s'", "SET LOCAL lock_timeout TO '3s'")

    create table(:bookmarks) do
      add :person_id, references(:people, on_delete: :delete_all), null: false
      add :post_id, references(:posts, on_delete: :delete_all), null: false
      add :position, :integer, null: false, default: 0

      timestamps(updated_at: false)
    end

    create unique_index(:bookmarks, [:person_id, :post_id])
    create index(:bookmarks, [:post_id])
  end
end
