# with: lock=advisory
# severity: nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def change do
    create table(:colours) do
      add :name, :text
    end

    create_if_not_exists index(:colours, [:name], concurrently: true)
  end
end
