defmodule OrchardWeb.ConnCase do
  @moduledoc """
  Tests that need a connection.
  """
  use ExUnit.CaseTemplate

  using do
    quote do
      @endpoint OrchardWeb.Endpoint

      use OrchardWeb, :verified_routes

      import Plug.Conn
      import Phoenix.ConnTest
      import OrchardWeb.ConnCase
    end
  end

  setup tags do
    Orchard.DataCase.setup_sandbox(tags)
    {:ok, conn: Phoenix.ConnTest.build_conn()}
  end
end
