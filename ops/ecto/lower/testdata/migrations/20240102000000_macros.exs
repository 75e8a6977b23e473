defmodule Demo.Repo.Migrations.Macros do
  use Demo.Migration

  def up do
    audited :documents do
      add :title, :string, null: false
    end

    add_owner(:documents)
    execute_file("priv/sql/change.sql")
    execute_file("priv/sql/missing.sql")
    Unknown.Module.up(version: 3)
    something_imported(:documents)
  end

  def down do
    Demo.Helpers.drop_all([:from_file, "documents"])
    Unknown.Module.down()
  end
end
