defmodule A do
  use Ecto.Migration

  # before up
  def up do
    execute "ALTER TABLE a
  end

  # before down
  def down do
    execute "DROP TABLE a"
  end
end
