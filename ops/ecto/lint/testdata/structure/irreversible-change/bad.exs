# severity: remove-column=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      remove :title # expect: irreversible-change warning
    end
  end
end
