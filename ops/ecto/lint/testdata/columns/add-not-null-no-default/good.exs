defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :author, :string
      add :state, :string, null: false, default: "new"
      timestamps(null: true)
      add :seen_at, :utc_datetime, null: false, default: fragment("now()")
    end

    create table(:colours) do
      add :name, :string, null: false
      timestamps()
    end
  end
end
