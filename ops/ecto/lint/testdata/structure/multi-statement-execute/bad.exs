defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute """
    CREATE VIEW a AS SELECT 1;
    -- and then # expect: multi-statement-execute error
    CREATE VIEW b AS SELECT 2;
    """
  end

  def down, do: :ok
end
