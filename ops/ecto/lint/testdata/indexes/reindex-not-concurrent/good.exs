# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    execute "REINDEX INDEX CONCURRENTLY posts_title_index", "SELECT 1"
  end
end
