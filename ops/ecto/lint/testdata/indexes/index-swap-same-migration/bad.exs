# with: lock=advisory
# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create index(:posts, [:title, :body], concurrently: true)
    drop index(:posts, [:title], concurrently: true) # expect: index-swap-same-migration warning
  end
end
