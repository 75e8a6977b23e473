# severity: irreversible-change=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # ops-console:ignore drop-table -- nothing writes to it since March
    drop_if_exists table(:posts)
    # ops-console: a remark that is none
    drop_if_exists table(:tags) # ops-console:ignore drop-table -- nor this
  end
end
