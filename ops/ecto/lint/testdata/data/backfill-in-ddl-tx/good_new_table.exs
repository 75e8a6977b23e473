defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:slugs) do
      add :slug, :string
    end

    execute "INSERT INTO slugs (slug) SELECT title FROM posts"
    execute "UPDATE slugs SET slug = lower(slug)"
  end

  def down, do: :ok
end
