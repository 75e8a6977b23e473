defmodule Changelog.Subscription do
  use Ecto.Schema

  schema "subscriptions" do
    field :unsubscribed_at, :naive_datetime
    field :context, :string

    belongs_to :person, Changelog.Person
    belongs_to :podcast, Changelog.Podcast

    timestamps()
  end
end
