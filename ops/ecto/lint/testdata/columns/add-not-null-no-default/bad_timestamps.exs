defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      timestamps() # expect: add-not-null-no-default error
    end
  end
end
