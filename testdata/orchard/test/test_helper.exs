ExUnit.start()
Ecto.Adapters.SQL.Sandbox.mode(Orchard.Repo, :manual)
