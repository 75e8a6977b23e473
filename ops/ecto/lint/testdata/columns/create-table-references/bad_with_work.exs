# severity: unbounded-dml=off backfill-in-ddl-tx=off work-after-exclusive-lock=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:comments) do
      add :post_id, references(:posts) # expect: create-table-references warning
    end

    create index(:comments, [:post_id])
    execute "UPDATE users SET seen = true WHERE id > 0", "SELECT 1"
  end
end
