# severity: constraint-never-validated=off fk-missing-index=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TABLE comments DROP CONSTRAINT comments_post_id_fkey"

    execute """
    ALTER TABLE comments ADD CONSTRAINT comments_post_id_fkey
    FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE NOT VALID
    """
  end

  def down, do: :ok
end
