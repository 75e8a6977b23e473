defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE events DETACH PARTITION events_2020", "" # expect: partition-detach warning
  end
end
