defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    execute "COMMENT ON TABLE posts IS 'what is written'", ""
  end
end
