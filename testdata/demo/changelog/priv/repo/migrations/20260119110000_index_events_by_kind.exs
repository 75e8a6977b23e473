defmodule Changelog.Repo.Migrations.IndexEventsByKind do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create index(:events, [:kind, :inserted_at], concurrently: true)
  end
end
