defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute("CREATE DOMAIN positive AS int CHECK (value > 0)", "DROP DOMAIN positive")
    execute("ALTER TABLE posts ADD COLUMN rank positive", "ALTER TABLE posts DROP COLUMN rank") # expect: add-column-constrained-domain warning
  end
end
