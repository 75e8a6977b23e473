defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts) do
      add :title, :string
    end

    repo().query!("INSERT INTO posts (title) VALUES ('first')") # expect: query-before-flush error
  end

  def down, do: drop(table(:posts))
end
