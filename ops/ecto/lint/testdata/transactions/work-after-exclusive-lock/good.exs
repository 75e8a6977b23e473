# severity: index-not-concurrent=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create index(:comments, [:post_id])

    alter table(:posts) do
      add :body, :text
    end
  end
end
