defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "TRUNCATE posts" # expect: truncate error
  end

  def down, do: :ok
end
