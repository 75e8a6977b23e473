defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    alter table(:posts) do
      add :slug, :string
    end

    execute "UPDATE posts SET slug = 'about' WHERE id = 1"
  end

  def down, do: :ok
end
