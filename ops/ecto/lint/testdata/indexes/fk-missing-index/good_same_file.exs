defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:comments) do
      add :post_id, references(:posts)
      add :author_id, references(:authors)
    end

    create index(:comments, [:post_id, :author_id])
    create index(:comments, [:author_id], where: "author_id IS NOT NULL")
  end
end
