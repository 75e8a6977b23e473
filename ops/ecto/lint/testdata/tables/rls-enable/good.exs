defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "CREATE POLICY own ON posts USING (true)"
    execute "ALTER TABLE posts ENABLE ROW LEVEL SECURITY"
  end

  def down, do: :ok
end
