defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TYPE mood RENAME VALUE 'sad' TO 'low'", "ALTER TYPE mood RENAME VALUE 'low' TO 'sad'" # expect: enum-rename warning
  end
end
