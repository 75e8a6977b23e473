defmodule Shop.Repo.Migrations.AddOrdersIndex do
  use Ecto.Migration

  @disable_ddl_transaction true
  @disable_migration_lock true

  @columns ~w(customer_id placed_at)a

  def up do
    # excellent_migrations:safety-assured-for-next-line index_not_concurrently
    create_if_not_exists index(:orders, @columns, concurrently: true)

    execute """
    UPDATE orders
       SET state = 'open'
     WHERE state IS NULL
    """

    execute(
      "ALTER TABLE orders ALTER COLUMN state SET NOT NULL",
      "ALTER TABLE orders ALTER COLUMN state DROP NOT NULL"
    )
  end

  def down do
    drop_if_exists index(:orders, @columns, concurrently: true)
  end
end
