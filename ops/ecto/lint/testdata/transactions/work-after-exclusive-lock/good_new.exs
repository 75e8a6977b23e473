defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :body, :text
    end

    create table(:comments) do
      add :body, :text
    end

    create index(:comments, [:body])
  end
end
