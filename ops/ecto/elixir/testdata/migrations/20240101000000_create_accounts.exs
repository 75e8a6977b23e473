defmodule Shop.Repo.Migrations.CreateAccounts do
  use Ecto.Migration

  def change do
    create table(:accounts, primary_key: false) do
      add :id, :binary_id, primary_key: true
      add :email, :citext, null: false
      add :name, :string, size: 120
      add :balance, :decimal, precision: 12, scale: 2, default: 0
      add :settings, :map, default: %{}
      add :tags, {:array, :string}, default: []
      add :status, :string, default: "active", null: false
      add :confirmed_at, :utc_datetime_usec
      add :plan_id, references(:plans, type: :binary_id, on_delete: :nilify_all)

      timestamps(type: :utc_datetime_usec)
    end

    create unique_index(:accounts, [:email])
    create index(:accounts, [:plan_id, "lower(name)"], where: "status = 'active'", name: :accounts_active)
    create constraint(:accounts, :balance_not_negative, check: "balance >= 0")
  end
end
