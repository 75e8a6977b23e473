defmodule OrchardWeb.PageControllerTest do
  use OrchardWeb.ConnCase

  test "GET /", %{conn: conn} do
    conn = get(conn, "/")
    assert html_response(conn, 200) =~ "Welcome to Sample!"
  end
end
