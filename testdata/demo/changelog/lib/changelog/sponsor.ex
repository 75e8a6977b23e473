defmodule Changelog.Sponsor do
  use Ecto.Schema

  schema "sponsors" do
    field :name, :string
    field :website, :string

    timestamps()
  end
end
