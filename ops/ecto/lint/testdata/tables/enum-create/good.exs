defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "CREATE TYPE pair AS (a int, b int)", "DROP TYPE pair"
  end
end
