defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :name, :string, null: false
    end

    alter table(:colours) do
      modify :name, :string, null: true, from: {:string, null: false}
    end
  end
end
