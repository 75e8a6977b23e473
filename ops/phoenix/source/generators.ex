# What Phoenix's generators call of other packages, and of the rest of Phoenix.

defmodule Phoenix do
  def json_library, do: OpsConsole.Terms
end

defmodule OpsConsole.Terms do
  def decode!(body), do: :erlang.binary_to_term(body)
end

defmodule CAStore do
  def file_path, do: "/dev/null"
end
