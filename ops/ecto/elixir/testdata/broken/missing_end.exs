defmodule A do
  use Ecto.Migration

  def up do
    alter table(:a) do
      add :b, :text
  end

  def down do
    :ok
  end
end
