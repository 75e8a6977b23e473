defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ALTER COLUMN token SET DEFAULT gen_random_uuid()", "ALTER TABLE posts ALTER COLUMN token DROP DEFAULT"
  end
end
