defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "SELECT 1"
  end

  def down do
    drop_if_exists index(:posts, [:title], concurrently: true) # expect-down: index-concurrent-in-tx error
  end
end
