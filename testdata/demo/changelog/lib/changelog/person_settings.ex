defmodule Changelog.Person.Settings do
  use Ecto.Schema
  import Ecto.Changeset

  @primary_key false
  embedded_schema do
    field :weekly_digest, :boolean, default: true
    field :time_zone, :string, default: "Etc/UTC"
  end

  def changeset(settings, attrs), do: cast(settings, attrs, [:weekly_digest, :time_zone])
end
