defmodule OrchardWeb.PageController do
  use OrchardWeb, :controller

  def index(conn, _params) do
    render(conn, "index.html")
  end
end
