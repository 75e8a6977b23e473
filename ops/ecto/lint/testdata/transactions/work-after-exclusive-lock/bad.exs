# severity: index-not-concurrent=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :body, :text
    end

    create index(:comments, [:post_id]) # expect: work-after-exclusive-lock warning
  end
end
