defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ALTER COLUMN views TYPE text USING views::text || 'x'", "SELECT 1" # expect: modify-type-rewrite warning
  end
end
