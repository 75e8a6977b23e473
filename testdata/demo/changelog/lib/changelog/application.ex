defmodule Changelog.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Fly.RPC,
      Changelog.Repo,
      {Fly.Postgres.LSN.Supervisor, repo: Changelog.Repo},
      {Oban, Application.fetch_env!(:changelog, Oban)},
      {Phoenix.PubSub, name: Changelog.PubSub},
      ChangelogWeb.Endpoint
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Changelog.Supervisor)
  end
end
