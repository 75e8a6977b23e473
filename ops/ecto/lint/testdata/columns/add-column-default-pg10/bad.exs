# with: target=10
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :active, :boolean, default: true # expect: add-column-default-pg10 error
      add :nothing, :boolean, default: nil
    end
  end
end
