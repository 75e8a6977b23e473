# severity: enum-create=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "CREATE TYPE mood AS ENUM ('sad')"
  end

  def down do
    execute "DROP TYPE mood"
  end
end
