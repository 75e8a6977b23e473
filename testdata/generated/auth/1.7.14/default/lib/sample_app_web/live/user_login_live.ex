defmodule SampleAppWeb.UserLoginLive do
  use SampleAppWeb, :live_view

  def render(assigns) do
    ~H"""
    <.header>Log in to account</.header>
    <.simple_form for={@form} id="login_form" action={~p"/users/log_in"} phx-update="ignore">
      <.input field={@form[:email]} type="email" label="Email" required />
      <.input field={@form[:password]} type="password" label="Password" required />
    </.simple_form>
    """
  end
end
