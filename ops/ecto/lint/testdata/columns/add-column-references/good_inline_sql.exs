# severity: fk-missing-index=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ADD COLUMN user_id bigint REFERENCES users (id)", "ALTER TABLE posts DROP COLUMN user_id"
  end
end
