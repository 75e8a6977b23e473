defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  import Ecto.Query

  def up do
    alter table(:posts) do
      add :slug, :string
    end

    flush()
    repo().update_all(from(p in "posts", where: is_nil(p.slug)), set: [slug: ""]) # expect: backfill-in-ddl-tx error
  end

  def down, do: :ok
end
