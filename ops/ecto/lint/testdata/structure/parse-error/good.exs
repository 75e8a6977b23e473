defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:posts)
  end
end
