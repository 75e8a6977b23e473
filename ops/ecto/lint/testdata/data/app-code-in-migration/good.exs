defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  alias Demo.Repo

  def up do
    import Ecto.Query
    Repo.update_all(from(u in "users", where: is_nil(u.active)), set: [active: true])
  end

  def down, do: :ok
end
