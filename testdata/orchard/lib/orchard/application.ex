defmodule Orchard.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Orchard.Repo,
      {Oban, Application.fetch_env!(:orchard, Oban)},
      OrchardWeb.Telemetry,
      {Phoenix.PubSub, name: Orchard.PubSub},
      OrchardWeb.Endpoint
    ]

    opts = [strategy: :one_for_one, name: Orchard.Supervisor]
    Supervisor.start_link(children, opts)
  end

  @impl true
  def config_change(changed, _new, removed) do
    OrchardWeb.Endpoint.config_change(changed, removed)
    :ok
  end
end
