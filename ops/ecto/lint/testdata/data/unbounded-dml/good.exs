defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  import Ecto.Query

  def up do
    create table(:scratch)
    execute "UPDATE posts SET views = 0 WHERE views IS NULL"
    execute "DELETE FROM scratch"
    repo().update_all(from(u in "users", where: u.id < 10), set: [active: true])
  end

  def down, do: :ok
end
