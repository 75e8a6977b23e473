defmodule Demo.Repo.Migrations.Raw do
  use Ecto.Migration

  @body """
  CREATE OR REPLACE FUNCTION touch() RETURNS trigger AS $$
  BEGIN
    NEW.updated_at = now();
    RETURN NEW;
  END;
  $$ LANGUAGE plpgsql;
  """

  def change do
    execute(@body, "DROP FUNCTION touch()")

    execute """
    ALTER TABLE users
      ADD COLUMN a int DEFAULT 1,
      ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;
    CREATE INDEX users_a
      ON users (a);
    """

    execute ~s"""
      UPDATE users
      SET name = "x" \
      WHERE id = 1
    """

    execute("""
    ALTER TABLE users
      DROP CONSTRAIN positive
    """, "SELEC 1")

    execute(broken(), "")
    execute ["SELECT ", 'iodata'], ""
    execute("")
    alter table(:users), do: nil
    modify :a, :text
    create constraint(:users, :neither)
    remove_nothing = index(:users, [:a])
    create index(:users, [:b], uniqe: true)
    flush()
    drop table(:users)
    repo().query!("SET lock_timeout = '1s'")
    execute(fn -> :ok end)
  end

  defp broken do
    """
    SELECT 1;
    SELEC 2
    """
  end
end
