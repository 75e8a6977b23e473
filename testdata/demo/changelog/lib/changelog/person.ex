defmodule Changelog.Person do
  use Ecto.Schema
  import Ecto.Changeset

  schema "people" do
    field :name, :string
    field :handle, :string
    field :email, :string
    field :bio, :string
    field :admin, :boolean, default: false
    field :signed_in_at, :naive_datetime

    embeds_one :settings, Changelog.Person.Settings, on_replace: :update

    has_many :posts, Changelog.Post, foreign_key: :author_id
    has_many :subscriptions, Changelog.Subscription

    timestamps()
  end

  def changeset(person, attrs) do
    person
    |> cast(attrs, [:name, :handle, :email, :bio])
    |> cast_embed(:settings)
    |> validate_required([:name, :handle, :email])
    |> unique_constraint(:email)
    |> unique_constraint(:handle)
  end
end
