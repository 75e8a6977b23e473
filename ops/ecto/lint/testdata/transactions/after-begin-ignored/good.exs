defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TABLE posts VALIDATE CONSTRAINT c"
  end

  def down, do: :ok

  def after_begin do
    repo().query!("SET LOCAL lock_timeout TO '5s'")
  end
end
