# severity: enum-create=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "CREATE TYPE mood AS ENUM ('sad')"
  end

  def down do
    execute "DELETE TYPE mood" # expect-down: sql-syntax error
  end
end
