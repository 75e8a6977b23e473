defmodule A do
  defmodule B do
    def bad do
      [1, 2
    end

    def good, do: 1
  end

  defmodule C do
    def good, do: 2
  end

  defimpl P, for: A do
    def bad(x), do: %{x
    def good(_), do: 3
  end
end

defmodule D do
end
