defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER SCHEMA blog RENAME TO archive", "ALTER SCHEMA archive RENAME TO blog" # expect: rename-schema error
  end
end
