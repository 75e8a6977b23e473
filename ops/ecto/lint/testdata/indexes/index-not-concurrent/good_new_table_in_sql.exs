defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute("CREATE TABLE colours (id bigserial PRIMARY KEY, name text)", "DROP TABLE colours")
    execute("CREATE INDEX colours_name_index ON colours (name)", "DROP INDEX colours_name_index")
  end
end
