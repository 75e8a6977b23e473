# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    execute "CREATE INDEX CONCURRENTLY IF NOT EXISTS posts_title_index ON posts (title)", "DROP INDEX posts_title_index" # expect: index-if-not-exists-invalid warning
  end
end
