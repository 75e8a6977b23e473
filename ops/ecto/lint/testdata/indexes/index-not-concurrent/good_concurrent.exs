# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create index(:posts, [:title], concurrently: true)
  end
end
