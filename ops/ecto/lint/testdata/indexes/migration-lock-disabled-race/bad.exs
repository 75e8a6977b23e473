defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true
  @disable_migration_lock true # expect: migration-lock-disabled-race warning

  def change do
    create index(:posts, [:title], concurrently: true)
  end
end
