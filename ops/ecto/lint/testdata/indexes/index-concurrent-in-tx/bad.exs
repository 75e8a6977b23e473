# with: lock=advisory
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create index(:posts, [:title], concurrently: true) # expect: index-concurrent-in-tx error
  end
end
