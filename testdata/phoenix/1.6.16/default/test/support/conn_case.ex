defmodule SampleAppWeb.ConnCase do
  @moduledoc """
  Tests that need a connection.
  """
  use ExUnit.CaseTemplate

  using do
    quote do
      import Plug.Conn
      import Phoenix.ConnTest
      import SampleAppWeb.ConnCase
      alias SampleAppWeb.Router.Helpers, as: Routes

      @endpoint SampleAppWeb.Endpoint
    end
  end

  setup tags do
    SampleApp.DataCase.setup_sandbox(tags)
    {:ok, conn: Phoenix.ConnTest.build_conn()}
  end
end
