defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts
  end # expect: parse-error error

  def down do
    drop table(:posts)
  end
end
