defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts) do
      add :title, :string
    end

    repo().query!("UPDATE settings SET value = 'on' WHERE name = 'posts'")
  end

  def down, do: drop(table(:posts))
end
