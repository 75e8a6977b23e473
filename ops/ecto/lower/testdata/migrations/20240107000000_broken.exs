defmodule Demo.Repo.Migrations.Broken do
  use Ecto.Migration

  def up do
    create table(:a
  end

  def down do
    drop table(:a)
  end
end
