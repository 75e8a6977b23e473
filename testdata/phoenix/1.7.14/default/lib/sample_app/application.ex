defmodule SampleApp.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      SampleAppWeb.Telemetry,
      SampleApp.Repo,
      {DNSCluster, query: Application.get_env(:sample_app, :dns_cluster_query) || :ignore},
      {Phoenix.PubSub, name: SampleApp.PubSub},
      {Finch, name: SampleApp.Finch},
      SampleAppWeb.Endpoint
    ]

    opts = [strategy: :one_for_one, name: SampleApp.Supervisor]
    Supervisor.start_link(children, opts)
  end

  @impl true
  def config_change(changed, _new, removed) do
    SampleAppWeb.Endpoint.config_change(changed, removed)
    :ok
  end
end
