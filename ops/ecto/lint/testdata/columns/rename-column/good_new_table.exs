defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours) do
      add :name, :string
    end

    rename table(:colours), :name, to: :title
  end
end
