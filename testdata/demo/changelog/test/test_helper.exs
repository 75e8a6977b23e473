ExUnit.start()
Ecto.Adapters.SQL.Sandbox.mode(Changelog.Repo, :manual)
