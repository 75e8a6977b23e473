defmodule Demo.Repo.Migrations.First do
  use Ecto.Migration
  def up, do: create(table(:first))
end

defmodule Demo.Repo.Migrations.Second do
  use Ecto.Migration
  def change, do: create(table(:second))
end
