defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:tags, primary_key: false) do
      add :post_id, references(:posts), primary_key: true
    end
  end
end
