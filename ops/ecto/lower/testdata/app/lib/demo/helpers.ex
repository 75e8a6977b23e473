defmodule Demo.Helpers do
  @moduledoc false
  import Ecto.Migration

  def drop_all(tables), do: Enum.each(tables, &drop(table(&1)))
end
