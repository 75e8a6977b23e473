defmodule SampleAppWeb.ConnCase do
  @moduledoc """
  Tests that need a connection.
  """
  use ExUnit.CaseTemplate

  using do
    quote do
      import Plug.Conn
      import Phoenix.ConnTest
      alias SampleAppWeb.Router.Helpers, as: Routes

      @endpoint SampleAppWeb.Endpoint
    end
  end

  setup tags do
    :ok = Ecto.Adapters.SQL.Sandbox.checkout(SampleApp.Repo)

    unless tags[:async] do
      Ecto.Adapters.SQL.Sandbox.mode(SampleApp.Repo, {:shared, self()})
    end

    {:ok, conn: Phoenix.ConnTest.build_conn()}
  end
end
