defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :data, :json # expect: json-column info
    end
  end
end
