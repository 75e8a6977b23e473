defmodule A do
  @doc """
  text
  def a, do: 1

  def up do
    execute """
    select 1
    """
  end

  def bad, do: "#{1 + }"
  def down, do: :ok
end
