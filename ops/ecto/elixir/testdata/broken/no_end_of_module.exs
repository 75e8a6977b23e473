defmodule A do
  def up, do: :ok
  def down, do: :ok
