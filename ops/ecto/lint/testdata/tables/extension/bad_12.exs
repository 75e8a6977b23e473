# with: target=12
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "CREATE EXTENSION IF NOT EXISTS citext", "DROP EXTENSION citext" # expect: extension info
  end
end
