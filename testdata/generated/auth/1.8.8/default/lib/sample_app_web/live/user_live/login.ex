defmodule SampleAppWeb.UserLive.Login do
  use SampleAppWeb, :live_view

  def render(assigns) do
    ~H"""
    <Layouts.app flash={@flash} current_scope={@current_scope}>
      <.header>Log in</.header>
      <.form for={@form} id="login_form_magic" action={~p"/users/log-in"} phx-submit="submit_magic">
        <.input field={@form[:email]} type="email" label="Email" required />
        <.button>Log in with email</.button>
      </.form>
    </Layouts.app>
    """
  end
end
