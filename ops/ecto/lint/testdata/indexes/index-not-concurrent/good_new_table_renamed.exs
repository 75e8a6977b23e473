defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:colors) do
      add :name, :text
    end

    rename table(:colors), to: table(:colours)
    create index(:colours, [:name])
  end

  def down do
    drop table(:colours)
  end
end
