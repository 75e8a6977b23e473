# with: lock=advisory
# severity: missing-lock-timeout=warning
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create index(:posts, [:title], concurrently: true)
  end
end
