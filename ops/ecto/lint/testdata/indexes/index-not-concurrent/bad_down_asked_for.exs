# with: down
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    drop_if_exists index(:posts, [:title], concurrently: true)
  end

  def down do
    create index(:posts, [:title]) # expect-down: index-not-concurrent error
  end
end
