defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "REINDEX INDEX posts_title_index", "SELECT 1" # expect: reindex-not-concurrent warning
  end
end
