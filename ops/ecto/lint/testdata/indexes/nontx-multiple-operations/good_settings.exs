# with: lock=advisory
# severity: lock-timeout-leak=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    execute "SET lock_timeout = 0", "SET lock_timeout = 0"
    create index(:posts, [:title], concurrently: true)
  end
end
