defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    rename table(:posts), to: table(:articles)
    execute("CREATE VIEW posts AS SELECT * FROM articles", "DROP VIEW posts")
  end
end
