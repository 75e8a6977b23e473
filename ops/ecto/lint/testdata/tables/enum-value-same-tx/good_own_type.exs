# severity: enum-create=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "CREATE TYPE mood AS ENUM ('sad')"
    execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'"

    create table(:people) do
      add :mood, :mood, default: "glad"
    end
  end

  def down, do: :ok
end
