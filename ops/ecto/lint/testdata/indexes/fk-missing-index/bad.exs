defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:comments) do
      add :post_id, references(:posts) # expect: fk-missing-index warning
    end
  end
end
