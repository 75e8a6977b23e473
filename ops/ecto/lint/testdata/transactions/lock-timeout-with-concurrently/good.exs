# with: lock=advisory timeout=5s
# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    execute "SET lock_timeout TO 0"
    create index(:posts, [:title], concurrently: true)
    execute "RESET lock_timeout"
    execute "RESET statement_timeout"
  end

  def down, do: :ok
end
