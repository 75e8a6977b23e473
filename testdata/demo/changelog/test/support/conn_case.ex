defmodule ChangelogWeb.ConnCase do
  @moduledoc """
  Tests that need a connection.
  """
  use ExUnit.CaseTemplate

  using do
    quote do
      @endpoint ChangelogWeb.Endpoint

      use ChangelogWeb, :verified_routes

      import Plug.Conn
      import Phoenix.ConnTest
      import ChangelogWeb.ConnCase
    end
  end

  setup tags do
    Changelog.DataCase.setup_sandbox(tags)
    {:ok, conn: Phoenix.ConnTest.build_conn()}
  end
end
