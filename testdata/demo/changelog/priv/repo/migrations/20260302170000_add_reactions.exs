defmodule Changelog.Repo.Migrations.AddReactions do
  use Ecto.Migration

  def change do
    create table(:reactions) do
      add :post_id, references(:posts, on_delete: :delete_all, null: false
      add :emoji, :string, null: false

      timestamps(updated_at: false)
    end
  end
end
