# severity: enum-create=info
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "CREATE TYPE mood AS ENUM ('sad', 'glad')", "DROP TYPE mood" # expect: enum-create info
  end
end
