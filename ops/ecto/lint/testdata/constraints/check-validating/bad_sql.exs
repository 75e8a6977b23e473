defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "ALTER TABLE posts ADD CONSTRAINT views_positive CHECK (views > 0)", # expect: check-validating error
            "ALTER TABLE posts DROP CONSTRAINT views_positive"
  end
end
