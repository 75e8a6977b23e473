defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :number, :serial # expect: add-column-serial error
      add :other, :bigserial # expect: add-column-serial error
      add :third, :identity # expect: add-column-serial error
    end
  end
end
