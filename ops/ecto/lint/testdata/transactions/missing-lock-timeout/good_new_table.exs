# severity: missing-lock-timeout=warning
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:comments) do
      add :post_id, references(:posts)
    end

    create index(:comments, [:post_id])
  end
end
