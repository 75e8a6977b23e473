# Orchard.Repo.insert!(%Orchard.SomeSchema{})
