defmodule A do
  @disable_ddl_transaction true

  def change do
    create index(:a, [:b] concurrently: true)
  end

  def other, do: foo bar, baz 1, 2

  def fine, do: :ok
end
