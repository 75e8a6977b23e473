defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create constraint(:posts, :views_positive, check: "views > 0") # expect: check-validating error
  end
end
