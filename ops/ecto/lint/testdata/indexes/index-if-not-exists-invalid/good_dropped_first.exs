# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    drop_if_exists index(:posts, [:title], concurrently: true)
    create_if_not_exists index(:posts, [:title], concurrently: true)
  end
end
