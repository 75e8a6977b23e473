defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :name, :text
    end

    create index(:colours, [:name])
  end
end
