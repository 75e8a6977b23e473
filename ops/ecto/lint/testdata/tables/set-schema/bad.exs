defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts SET SCHEMA archive", "ALTER TABLE archive.posts SET SCHEMA public" # expect: set-schema error
  end
end
