defmodule Changelog.Podcast do
  use Ecto.Schema

  schema "podcasts" do
    field :name, :string
    field :slug, :string
    field :status, Ecto.Enum, values: [draft: 0, live: 1, retired: 2]

    has_many :posts, Changelog.Post
    has_many :subscriptions, Changelog.Subscription

    timestamps()
  end
end
