defmodule SampleAppWeb.UserSessionController do
  use SampleAppWeb, :controller

  alias SampleApp.Accounts
  alias SampleAppWeb.UserAuth

  def create(conn, %{"user" => %{"email" => email, "password" => password}}) do
    if user = Accounts.get_user_by_email_and_password(email, password) do
      UserAuth.log_in_user(conn, user)
    else
      render(conn, :new, error_message: "Invalid email or password")
    end
  end
end
