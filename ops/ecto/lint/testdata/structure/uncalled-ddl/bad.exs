defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do # expect: irreversible-change info
    create table(:posts)
  end

  def drop do # expect: uncalled-ddl warning
    drop table(:posts)
  end

  def also(table) do # expect: uncalled-ddl warning
    execute("TRUNCATE #{table}")
  end
end
