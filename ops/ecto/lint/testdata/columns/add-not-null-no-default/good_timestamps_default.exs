defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      timestamps(default: fragment("now()"))
    end
  end
end
