defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      modify :views, :bigint, from: :integer # expect: modify-type-rewrite error
    end
  end
end
