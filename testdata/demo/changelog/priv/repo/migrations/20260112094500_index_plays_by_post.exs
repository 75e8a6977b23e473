defmodule Changelog.Repo.Migrations.IndexPlaysByPost do
  use Ecto.Migration

  def change do
    create index(:plays, [:post_id, :day])
  end
end
