# severity: irreversible-change=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # expect: suppression-unknown warning
    # ops-console:ignore drop-tables -- nothing writes to it since March
    drop_if_exists table(:posts) # expect: drop-table error
    # expect: suppression-unknown warning
    # ops-console:ignore -- because
    drop_if_exists table(:tags) # expect: drop-table error
  end
end
