defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "CREATE VIEW a AS SELECT 1;"; execute "CREATE VIEW b AS SELECT 2"

    execute """
    CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM 1;
      RETURN 2;
    END
    $$;
    """

    for name <- ~w(c d) do
      execute "CREATE VIEW #{name} AS SELECT 1;"
    end
  end

  def down, do: :ok
end
