# SampleApp.Repo.insert!(%SampleApp.SomeSchema{})
