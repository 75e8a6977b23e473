defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts) do
      add :title, :string
    end

    flush()
    repo().query!("INSERT INTO posts (title) VALUES ('first')")
    execute fn -> repo().query!("INSERT INTO posts (title) VALUES ('second')") end
  end

  def down, do: drop(table(:posts))
end
