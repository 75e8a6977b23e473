defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:posts) do
      add :title, :text
    end

    execute "ALTER TABLE posts ADD COLUMN views integer", ""
    repo().query!("UPDATE posts SET views = 0 WHERE id < 10") # expect: query-before-flush error
  end
end
