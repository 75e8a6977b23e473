defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:posts) do
      add :views, :integer
    end

    create constraint(:posts, :views_positive, check: "views > 0")
  end
end
