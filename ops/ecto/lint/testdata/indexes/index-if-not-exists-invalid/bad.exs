# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create_if_not_exists index(:posts, [:title], concurrently: true) # expect: index-if-not-exists-invalid warning
  end
end
