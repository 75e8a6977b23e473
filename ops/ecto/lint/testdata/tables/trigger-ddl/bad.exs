defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "CREATE TRIGGER t AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION f()" # expect: trigger-ddl info
    execute "DROP TRIGGER u ON posts" # expect: trigger-ddl warning
    execute "ALTER TABLE users DISABLE TRIGGER ALL" # expect: trigger-ddl warning
    execute "ALTER TABLE users ENABLE TRIGGER ALL"
  end

  def down, do: :ok
end
