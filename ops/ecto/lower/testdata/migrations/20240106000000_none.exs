defmodule Demo.Seeds do
  def run, do: :ok
end
