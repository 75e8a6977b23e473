defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:posts) do
      add :title, :string
    end

    unique_index(:posts, [:title]) # expect: dangling-ddl error
  end
end
