defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :lower_title, :text, generated: "ALWAYS AS (lower(title)) STORED" # expect: add-column-generated-stored error
    end
  end
end
