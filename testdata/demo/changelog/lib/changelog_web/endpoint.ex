defmodule ChangelogWeb.Endpoint do
  use Phoenix.Endpoint, otp_app: :changelog

  plug Plug.RequestId
  plug Plug.Parsers, parsers: [:urlencoded, :json], json_decoder: Phoenix.json_library()
  plug ChangelogWeb.Router
end
