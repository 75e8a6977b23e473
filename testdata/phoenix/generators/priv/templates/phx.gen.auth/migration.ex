defmodule <%= base %>.Repo.Migrations.Create<%= Macro.camelize(table) %>AuthTables do
  use Ecto.Migration

  def change do
    create table(:<%= table %>) do
      add :email, <%= email %>, null: false
    end
  end
end
