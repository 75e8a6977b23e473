defmodule OrchardWeb.TreeController do
  use OrchardWeb, :controller

  def index(conn, _params), do: render(conn, "index.html", trees: [])
end
