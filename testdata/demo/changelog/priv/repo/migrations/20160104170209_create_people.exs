defmodule Changelog.Repo.Migrations.CreatePeople do
  use Ecto.Migration

  def change do
    create table(:people) do
      add :name, :string, null: false
      add :handle, :string, null: false
      add :email, :string, null: false
      add :bio, :text
      add :admin, :boolean, null: false, default: false

      timestamps()
    end

    create unique_index(:people, [:email])
    create unique_index(:people, [:handle])
  end
end
