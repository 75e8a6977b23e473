defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ADD CONSTRAINT posts_pkey PRIMARY KEY USING INDEX posts_id_index", "ALTER TABLE posts DROP CONSTRAINT posts_pkey"
  end
end
