defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ADD PRIMARY KEY (id)", "ALTER TABLE posts DROP CONSTRAINT posts_pkey" # expect: add-primary-key error
  end
end
