defmodule SampleApp.Application do
  @moduledoc false

  use Application

  def start(_type, _args) do
    children = [
      SampleApp.Repo,
      SampleAppWeb.Telemetry,
      {Phoenix.PubSub, name: SampleApp.PubSub},
      SampleAppWeb.Endpoint
    ]

    opts = [strategy: :one_for_one, name: SampleApp.Supervisor]
    Supervisor.start_link(children, opts)
  end

  def config_change(changed, _new, removed) do
    SampleAppWeb.Endpoint.config_change(changed, removed)
    :ok
  end
end
