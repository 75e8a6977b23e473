defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ADD COLUMN token uuid DEFAULT gen_random_uuid() NOT NULL", "ALTER TABLE posts DROP COLUMN token" # expect: add-column-volatile-default error
  end
end
