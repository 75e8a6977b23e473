defmodule Changelog.Repo do
  use Ecto.Repo, otp_app: :changelog, adapter: Ecto.Adapters.Postgres
end
