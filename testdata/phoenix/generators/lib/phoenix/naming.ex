defmodule Phoenix.Naming do
  def underscore(name), do: Macro.underscore(name)
end
