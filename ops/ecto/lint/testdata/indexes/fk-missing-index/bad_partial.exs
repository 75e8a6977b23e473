defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:users) do
      add :email, :text
    end

    create table(:posts) do
      add :user_id, references(:users) # expect: fk-missing-index warning
      add :deleted_at, :utc_datetime
    end

    create index(:posts, [:user_id], where: "deleted_at IS NULL")
  end
end
