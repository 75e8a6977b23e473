# Changelog.Repo.insert!(%Changelog.SomeSchema{})
