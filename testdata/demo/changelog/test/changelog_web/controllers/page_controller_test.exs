defmodule ChangelogWeb.PageControllerTest do
  use ChangelogWeb.ConnCase

  test "GET /", %{conn: conn} do
    conn = get(conn, ~p"/")
    assert html_response(conn, 200) =~ "Peace of mind"
  end
end
