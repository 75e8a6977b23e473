defmodule OrchardWeb.Season do
  @behaviour Plug
  def init(opts), do: opts
  def call(conn, _opts), do: Plug.Conn.assign(conn, :season, :autumn)
end
