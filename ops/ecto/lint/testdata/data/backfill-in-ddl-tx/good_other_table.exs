defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    alter table(:posts) do
      add :slug, :string
    end

    execute "UPDATE settings SET value = 'on' WHERE name = 'slugs'"
  end

  def down, do: :ok
end
