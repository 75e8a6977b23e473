defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "SET LOCAL work_mem TO '64MB'", ""
  end
end
