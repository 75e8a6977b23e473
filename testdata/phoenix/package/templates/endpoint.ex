defmodule <%= @module %>Web.Endpoint do
  use Phoenix.Endpoint, otp_app: :<%= @app %>

  @session_options [store: :cookie, key: "_<%= @app %>_key", signing_salt: "<%= @salt %>"]
  plug Plug.Session, @session_options
end
