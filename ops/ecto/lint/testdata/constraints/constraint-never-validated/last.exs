defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create constraint(:posts, :views_positive, check: "views > 0", validate: false) # expect: constraint-never-validated info
  end
end
