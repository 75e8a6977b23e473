defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    title = index(:posts, [:title])

    create table(:posts) do
      add :title, :string
    end

    create title
  end
end
