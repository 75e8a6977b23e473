defmodule SampleAppWeb.UserAuth do
  use SampleAppWeb, :verified_routes

  import Plug.Conn
  import Phoenix.Controller

  alias SampleApp.Accounts

  @max_age 60 * 60 * 24 * 60

  def fetch_current_user(conn, _opts) do
    {token, conn} = ensure_user_token(conn)
    user = token && Accounts.get_user_by_session_token(token)
    assign(conn, :current_user, user)
  end

  def require_authenticated_user(conn, _opts) do
    if conn.assigns[:current_user] do
      conn
    else
      conn
      |> put_flash(:error, "You must log in to access this page.")
      |> redirect(to: ~p"/users/log_in")
      |> halt()
    end
  end

  defp ensure_user_token(conn), do: {get_session(conn, :user_token), conn}
end
