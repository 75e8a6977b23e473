defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "GRANT SELECT ON posts TO reader", "REVOKE SELECT ON posts FROM reader" # expect: role info
  end
end
