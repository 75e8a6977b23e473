# with: lock=advisory
# severity: index-not-concurrent=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create_if_not_exists index(:posts, [:title])
  end
end
