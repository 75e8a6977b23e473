defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:teams) do
      add :org_id, :bigint
    end

    create unique_index(:teams, [:id, :org_id])

    create table(:members) do
      add :team_id, :bigint
      add :org_id, :bigint
      add :email, :text
    end

    # One of two columns is enough to read few rows.
    create index(:members, [:team_id, :email])

    execute(
      "ALTER TABLE members ADD FOREIGN KEY (team_id, org_id) REFERENCES teams (id, org_id)",
      "ALTER TABLE members DROP CONSTRAINT members_team_id_org_id_fkey"
    )
  end
end
