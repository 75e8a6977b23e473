# severity: irreversible-change=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # ops-console:ignore drop-table -- nothing writes to it since March
    drop_if_exists table(:posts)
  end
end
