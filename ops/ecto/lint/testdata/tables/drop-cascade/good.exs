# severity: drop-table=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    drop table(:posts)
    execute "DROP TYPE mood"
  end

  def down, do: :ok
end
