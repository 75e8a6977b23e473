defmodule Changelog.Transcript do
  use Ecto.Schema

  schema "transcripts" do
    field :body, :string
    belongs_to :post, Changelog.Post

    timestamps()
  end
end
