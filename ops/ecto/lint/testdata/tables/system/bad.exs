defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER DATABASE demo SET timezone TO 'UTC'" # expect: system info
    execute "ALTER SYSTEM SET work_mem TO '64MB'" # expect: system error
  end

  def down, do: :ok
end
