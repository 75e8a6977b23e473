defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours, primary_key: false) do
      add :id, :serial, primary_key: true
    end
  end
end
