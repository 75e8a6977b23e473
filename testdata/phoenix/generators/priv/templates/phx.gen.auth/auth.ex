defmodule <%= base %>Web.<%= schema %>Auth do
  use <%= base %>Web, :verified_routes

  alias <%= base %>.<%= context %>

  def fetch_current_<%= name %>(conn, _opts) do
    assign(conn, :current_<%= name %>, <%= context %>.get_<%= name %>_by_session_token(get_session(conn, :<%= name %>_token)))
  end
end
