defmodule ChangelogWeb.Router do
  use Phoenix.Router

  pipeline :browser do
    plug :accepts, ["html"]
  end

  scope "/", ChangelogWeb do
    pipe_through :browser

    get "/", PageController, :home
    get "/news", PostController, :index
    get "/episodes/:slug", PostController, :show
  end
end
