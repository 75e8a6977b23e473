defmodule OrchardWeb do
  @moduledoc """
  What controllers, views and the rest have in common.
  """

  def controller do
    quote do
      use Phoenix.Controller, namespace: OrchardWeb

      import Plug.Conn
      import OrchardWeb.Gettext
      alias OrchardWeb.Router.Helpers, as: Routes
    end
  end

  def view do
    quote do
      use Phoenix.View,
        root: "lib/orchard_web/templates",
        namespace: OrchardWeb

      import Phoenix.Controller,
        only: [get_flash: 1, get_flash: 2, view_module: 1, view_template: 1]

      unquote(view_helpers())
    end
  end

  def live_view do
    quote do
      use Phoenix.LiveView,
        layout: {OrchardWeb.LayoutView, "live.html"}

      unquote(view_helpers())
    end
  end

  def router do
    quote do
      use Phoenix.Router

      import Plug.Conn
      import Phoenix.Controller
      import Phoenix.LiveView.Router
    end
  end

  defp view_helpers do
    quote do
      use Phoenix.HTML

      import Phoenix.LiveView.Helpers
      import Phoenix.View
      import OrchardWeb.ErrorHelpers
      import OrchardWeb.Gettext
      alias OrchardWeb.Router.Helpers, as: Routes
    end
  end

  defmacro __using__(which) when is_atom(which) do
    apply(__MODULE__, which, [])
  end
end
