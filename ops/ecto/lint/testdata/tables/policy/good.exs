defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "CREATE POLICY own ON posts USING (true)", "DROP POLICY own ON posts"
  end
end
