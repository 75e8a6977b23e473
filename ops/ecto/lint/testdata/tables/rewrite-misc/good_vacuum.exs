defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up, do: execute("VACUUM posts")
  def down, do: :ok
end
