defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    create table(:posts)
    create index(:posts, [:id], name: :posts_again)
  end

  def down do
    drop index(:posts, [:id], nam: :posts_again) # expect: raises warning
    drop table(:posts)
  end
end
