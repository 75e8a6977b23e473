defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create index(:posts, [:title]) # expect: index-not-concurrent error
    create_if_not_exists index(:posts, [:body]) # expect: index-not-concurrent error
    execute "CREATE INDEX posts_views_index ON posts (views)", "DROP INDEX posts_views_index" # expect: index-not-concurrent error
  end
end
