# severity: index-not-concurrent=off work-after-exclusive-lock=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :code, :string
    end

    create unique_index(:posts, [:code])
  end
end
