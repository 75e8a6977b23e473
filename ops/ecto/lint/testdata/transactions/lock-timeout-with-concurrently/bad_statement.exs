# with: lock=advisory
# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    execute "SET statement_timeout TO '15min'"
    create index(:posts, [:title], concurrently: true) # expect: lock-timeout-with-concurrently warning
    execute "RESET lock_timeout"
    execute "RESET statement_timeout"
  end

  def down, do: :ok
end
