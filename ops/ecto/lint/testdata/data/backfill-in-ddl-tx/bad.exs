defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    alter table(:posts) do
      add :slug, :string
    end

    execute "UPDATE posts SET slug = title WHERE slug IS NULL" # expect: backfill-in-ddl-tx error
  end

  def down, do: :ok
end
