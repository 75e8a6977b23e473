# severity: irreversible-change=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # expect: suppression-no-reason warning
    # ops-console:ignore drop-table
    drop_if_exists table(:posts) # expect: drop-table error
  end
end
