ExUnit.start()
Ecto.Adapters.SQL.Sandbox.mode(SampleApp.Repo, :manual)
