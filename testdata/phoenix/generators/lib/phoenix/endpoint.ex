defmodule Phoenix.Endpoint do
  # It cannot be compiled without the package's dependencies.
  use Plug.Builder
end
