# with: lock=advisory
# severity: index-too-wide=info
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create index(:posts, [:a, :b, :c, :d], concurrently: true) # expect: index-too-wide info
  end
end
