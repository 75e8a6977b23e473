defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "UPDATE posts SET views = 0" # expect: unbounded-dml warning
    execute "DELETE FROM logs" # expect: unbounded-dml warning
    repo().update_all("users", set: [active: true]) # expect: unbounded-dml warning
  end

  def down, do: :ok
end
