defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do # expect: irreversible-change info
    execute "SELECT 1"
  end
end
