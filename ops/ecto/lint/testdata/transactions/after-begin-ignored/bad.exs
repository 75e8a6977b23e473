defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    execute "ALTER TABLE posts VALIDATE CONSTRAINT c"
  end

  def down, do: :ok

  def after_begin do # expect: after-begin-ignored warning
    repo().query!("SET lock_timeout TO '5s'")
  end
end
