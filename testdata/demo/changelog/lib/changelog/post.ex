defmodule Changelog.Post do
  use Ecto.Schema
  import Ecto.Changeset

  schema "posts" do
    field :title, :string
    field :slug, :string
    field :summary, :string
    field :body, :string
    field :impressions, :integer, default: 0
    field :published, :boolean, default: false
    field :published_at, :naive_datetime

    belongs_to :podcast, Changelog.Podcast
    belongs_to :author, Changelog.Person
    many_to_many :topics, Changelog.Topic, join_through: "posts_topics", on_replace: :delete
    has_one :transcript, Changelog.Transcript

    timestamps()
  end

  def changeset(post, attrs) do
    post
    |> cast(attrs, [:title, :slug, :summary, :body, :published, :published_at])
    |> validate_required([:title, :slug])
    |> unique_constraint(:slug)
  end
end
