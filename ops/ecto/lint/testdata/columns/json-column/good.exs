defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :data, :map
      add :more, :jsonb
    end
  end
end
