defmodule SampleAppWeb.ConnCase do
  @moduledoc """
  Tests that need a connection.
  """
  use ExUnit.CaseTemplate

  using do
    quote do
      @endpoint SampleAppWeb.Endpoint

      use SampleAppWeb, :verified_routes

      import Plug.Conn
      import Phoenix.ConnTest
      import SampleAppWeb.ConnCase
    end
  end

  setup tags do
    SampleApp.DataCase.setup_sandbox(tags)
    {:ok, conn: Phoenix.ConnTest.build_conn()}
  end
end
