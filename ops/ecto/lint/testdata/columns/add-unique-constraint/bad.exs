defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ADD CONSTRAINT posts_slug_key UNIQUE (slug)", "ALTER TABLE posts DROP CONSTRAINT posts_slug_key" # expect: add-unique-constraint error
  end
end
