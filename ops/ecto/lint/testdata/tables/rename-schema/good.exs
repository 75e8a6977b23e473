defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "CREATE SCHEMA archive", "DROP SCHEMA archive"
  end
end
