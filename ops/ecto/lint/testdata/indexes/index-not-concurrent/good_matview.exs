defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute("CREATE MATERIALIZED VIEW post_counts AS SELECT user_id, count(*) FROM posts GROUP BY 1", "DROP MATERIALIZED VIEW post_counts")
    create index(:post_counts, [:user_id])
  end
end
