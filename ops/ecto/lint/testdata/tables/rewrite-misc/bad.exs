defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TABLE posts SET UNLOGGED" # expect: rewrite-misc error
    execute "CLUSTER posts USING posts_pkey" # expect: rewrite-misc error
    execute "VACUUM FULL posts" # expect: rewrite-misc error
  end

  def down, do: :ok
end
