# with: target=11
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :active, :boolean, default: true
    end
  end
end
