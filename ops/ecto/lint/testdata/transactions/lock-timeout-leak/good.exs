# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    execute "SET lock_timeout TO '5s'"
    execute "ALTER TABLE posts VALIDATE CONSTRAINT c"
    execute "RESET lock_timeout"
  end

  def down, do: :ok
end
