defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true
  @disable_migration_lock true # expect: migration-lock-disabled-race warning

  def change do
    create_if_not_exists index(:downloads, [:package_id, :day], # expect: index-if-not-exists-invalid warning, nontx-multiple-operations warning
                           name: :downloads_package_id_day_count_index,
                           include: [:count],
                           concurrently: true
                         )

    drop_if_exists index(:downloads, [:package_id, :day], concurrently: true) # expect: index-swap-same-migration warning
  end
end
