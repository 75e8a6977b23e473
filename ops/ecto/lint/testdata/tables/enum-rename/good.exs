defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up, do: execute("ALTER TYPE mood ADD VALUE 'low' BEFORE 'sad'")
  def down, do: :ok
end
