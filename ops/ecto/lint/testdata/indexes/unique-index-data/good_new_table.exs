defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :name, :text
    end

    create unique_index(:colours, [:name])
  end
end
