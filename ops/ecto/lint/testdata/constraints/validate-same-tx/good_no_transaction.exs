# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    create constraint(:posts, :views_positive, check: "views > 0", validate: false)
    execute "ALTER TABLE posts VALIDATE CONSTRAINT views_positive"
  end

  def down do
    drop constraint(:posts, :views_positive)
  end
end
