defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute("CREATE DOMAIN anything AS int", "DROP DOMAIN anything")
    execute("ALTER TABLE posts ADD COLUMN rank anything", "ALTER TABLE posts DROP COLUMN rank")
  end
end
