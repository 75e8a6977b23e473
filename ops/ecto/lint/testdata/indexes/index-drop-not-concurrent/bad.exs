defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    drop index(:posts, [:title]) # expect: index-drop-not-concurrent info
    execute "DROP INDEX posts_body_index", "SELECT 1" # expect: index-drop-not-concurrent info
  end
end
