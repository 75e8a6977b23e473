defmodule Changelog.Topic do
  use Ecto.Schema

  schema "topics" do
    field :name, :string
    field :slug, :string

    many_to_many :posts, Changelog.Post, join_through: "posts_topics"

    timestamps()
  end
end
