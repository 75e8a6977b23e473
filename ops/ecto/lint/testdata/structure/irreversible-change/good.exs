# severity: remove-column=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    alter table(:posts) do
      remove :title
    end

    execute "SELECT 1"
  end

  def down do
    alter table(:posts) do
      add :title, :string
    end
  end
end
