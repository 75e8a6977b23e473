defmodule ChangelogWeb.PageController do
  use ChangelogWeb, :controller

  def home(conn, _params) do
    posts = Changelog.Post.latest(5)
    render(conn, :home, posts: posts)
  end
end
