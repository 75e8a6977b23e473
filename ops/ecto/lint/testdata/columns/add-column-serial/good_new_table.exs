defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:posts_2, primary_key: false) do
      add :id, :bigserial, primary_key: true
    end
  end
end
