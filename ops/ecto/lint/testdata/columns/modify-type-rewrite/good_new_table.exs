defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :name, :text
    end

    alter table(:colours) do
      modify :name, :string, from: :text
    end
  end
end
