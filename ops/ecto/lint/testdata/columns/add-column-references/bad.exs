# severity: index-not-concurrent=off work-after-exclusive-lock=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :user_id, references(:users) # expect: add-column-references error
    end

    create index(:posts, [:user_id])
  end
end
