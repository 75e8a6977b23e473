defmodule Shop.Order do
  @moduledoc """
  An order.

      iex> Shop.Order.new(%{})
  """

  use Ecto.Schema
  import Ecto.Changeset
  alias Shop.{Customer, Line}

  @primary_key {:id, :binary_id, autogenerate: true}
  @foreign_key_type :binary_id
  @schema_prefix "shop"

  @type t :: %__MODULE__{id: Ecto.UUID.t() | nil, total: Decimal.t()}

  schema "orders" do
    field :number, :integer
    field(:state, Ecto.Enum, values: [:open, :paid], default: :open)
    field :total, :decimal, virtual: true
    field :note, :string, source: :remark
    belongs_to :customer, Customer, references: :uid
    has_many :lines, Line, on_replace: :delete
    many_to_many :tags, Shop.Tag, join_through: "order_tags"
    embeds_one :address, Address, primary_key: false do
      field :street
    end

    timestamps(inserted_at: :created_at, updated_at: false)
  end

  @doc false
  @spec changeset(t, map) :: Ecto.Changeset.t()
  def changeset(%__MODULE__{} = order, attrs \\ %{}) do
    order
    |> cast(attrs, [:number, :note])
    |> validate_required([:number])
    |> validate_change(:note, fn :note, v -> if v == "", do: [note: "is empty"], else: [] end)
    |> case do
      %{valid?: true} = c -> c
      c -> %{c | action: :insert}
    end
  end
end
