# severity: fk-missing-index=off constraint-never-validated=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :user_id, references(:users, validate: false)
    end
  end
end
