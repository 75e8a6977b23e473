defmodule Orchard.Trees.Tree do
  use Ecto.Schema

  schema "trees" do
    field :variety, :string
    field :planted_on, :date
    timestamps()
  end
end
