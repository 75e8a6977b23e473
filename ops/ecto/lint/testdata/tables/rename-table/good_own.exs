defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:articles_new)
    rename table(:articles_new), to: table(:articles)
  end
end
