defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    # expect: suppression-unused info
    # ops-console:ignore drop-table -- nothing writes to it since March
    create table(:posts)
  end
end
