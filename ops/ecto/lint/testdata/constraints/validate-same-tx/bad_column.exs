# severity: work-after-exclusive-lock=off fk-missing-index=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    alter table(:posts) do
      add :user_id, references(:users, validate: false)
    end

    execute "ALTER TABLE posts VALIDATE CONSTRAINT posts_user_id_fkey" # expect: validate-same-tx error
  end

  def down do
    alter table(:posts) do
      remove :user_id
    end
  end
end
