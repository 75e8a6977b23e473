defmodule OrchardWeb.Endpoint do
  use Phoenix.Endpoint, otp_app: :orchard

  # Signed, not encrypted: a session can be read, not changed.
  @session_options [
    store: :cookie,
    key: "_orchard_key",
    signing_salt: "Zk93plum"
  ]

  socket "/live", Phoenix.LiveView.Socket,
    websocket: [connect_info: [session: @session_options]]

  plug Plug.Static,
    at: "/",
    from: :orchard,
    gzip: false,
    only: ~w(assets fonts images favicon.ico robots.txt)

  if code_reloading? do
    socket "/phoenix/live_reload/socket", Phoenix.LiveReloader.Socket
    plug Phoenix.LiveReloader
    plug Phoenix.CodeReloader
    plug Phoenix.Ecto.CheckRepoStatus, otp_app: :orchard
  end

  plug Plug.RequestId
  plug Plug.Telemetry, event_prefix: [:phoenix, :endpoint]

  plug Plug.Parsers,
    parsers: [:urlencoded, :multipart, :json],
    pass: ["*/*"],
    json_decoder: Phoenix.json_library()

  plug Plug.MethodOverride
  plug OrchardWeb.Season
  plug Plug.Head
  plug Plug.Session, @session_options
  plug OrchardWeb.Router
end
