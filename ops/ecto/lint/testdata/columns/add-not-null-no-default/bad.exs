defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :author, :string, null: false # expect: add-not-null-no-default error
    end
  end
end
