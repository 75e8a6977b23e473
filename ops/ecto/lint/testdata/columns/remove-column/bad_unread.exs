defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      remove :title, :string # expect: remove-column error
    end
  end
end
