defmodule Changelog.Event do
  @moduledoc "What a request leaves behind: a view, a play, a share."
  use Ecto.Schema

  schema "events" do
    field :kind, :string
    field :region, :string
    field :payload, :map, default: %{}

    belongs_to :post, Changelog.Post

    timestamps(updated_at: false, type: :naive_datetime_usec)
  end
end
