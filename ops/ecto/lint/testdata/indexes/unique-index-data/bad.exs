# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create unique_index(:posts, [:slug], concurrently: true) # expect: unique-index-data warning
  end
end
