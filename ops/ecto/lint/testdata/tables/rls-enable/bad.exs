defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ENABLE ROW LEVEL SECURITY", "ALTER TABLE posts DISABLE ROW LEVEL SECURITY" # expect: rls-enable warning
  end
end
