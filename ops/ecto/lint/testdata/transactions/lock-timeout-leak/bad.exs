# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    execute "SET lock_timeout TO '5s'" # expect: lock-timeout-leak warning
    execute "ALTER TABLE posts VALIDATE CONSTRAINT c"
  end

  def down, do: :ok
end
