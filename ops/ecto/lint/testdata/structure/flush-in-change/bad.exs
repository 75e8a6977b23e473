defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:posts)
    flush() # expect: flush-in-change warning
  end
end
