defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts)
  end

  def down do
    table(:posts) # expect-down: dangling-ddl error
  end
end
