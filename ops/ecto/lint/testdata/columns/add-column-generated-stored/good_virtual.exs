# with: target=18
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :lower_title, :text, generated: "ALWAYS AS (lower(title)) VIRTUAL"
    end
  end
end
