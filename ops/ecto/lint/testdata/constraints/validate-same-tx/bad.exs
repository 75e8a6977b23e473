# severity: work-after-exclusive-lock=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create constraint(:posts, :views_positive, check: "views > 0", validate: false)
    execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive" # expect: validate-same-tx error
  end

  def down do
    drop constraint(:posts, :views_positive)
  end
end
