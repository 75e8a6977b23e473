# severity: irreversible-change=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      modify :views, :bigint # expect: modify-type-rewrite warning
    end
  end
end
