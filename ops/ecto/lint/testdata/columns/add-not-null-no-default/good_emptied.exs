# severity: truncate=off drop-cascade=off work-after-exclusive-lock=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute("TRUNCATE posts", "SELECT 1")

    alter table(:posts) do
      add :author, :string, null: false
    end
  end
end
