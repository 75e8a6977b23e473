defmodule Shop.Repo.Migrations.Dynamic do
  use Ecto.Migration
  import Ecto.Query, only: [from: 2]

  @tables [:orders, :order_lines]
  @timeout "5s"

  def change do
    for table <- @tables do
      alter table(table) do
        add_if_not_exists :archived_at, :naive_datetime
        modify :note, :text, from: {:string, null: true}
        remove :legacy, :string
      end

      execute "COMMENT ON TABLE #{table} IS 'since #{@timeout}'", ""
    end

    for {name, type} <- [{:a, :integer}, b: :string], do: helper(name, type)

    execute fn -> repo().query!("SELECT 1", [], log: false) end
    execute &backfill/0, fn -> :ok end

    if direction() == :up do
      flush()
      from(o in "orders", where: is_nil(o.state)) |> repo().update_all(set: [state: "open"])
    end

    table(:lines) |> alter(do: add(:x, :integer))
    rename table(:orders), :state, to: :status
    rename table("old", prefix: "archive"), to: table("new", prefix: "archive")
    drop table(:gone), mode: :cascade
  end

  defp helper(name, type) do
    alter table(:orders), do: add(name, type)
  end

  defp backfill, do: repo().query!(~s|UPDATE "orders" SET "x" = 1|)
end
