defmodule Demo.Repo.Migrations.Basic do
  use Ecto.Migration

  @statuses ~w(open closed)

  def change do
    create table(:accounts, comment: "who pays") do
      add :name, :string, null: false
      add :email, :citext
      add :balance, :decimal, precision: 12, scale: 2, default: 0
      add :tags, {:array, :string}, default: []
      add :plan_id, references(:plans, on_delete: :delete_all), null: false
      timestamps()
    end

    create unique_index(:accounts, [:email])
    create index("accounts", ["lower(name)", desc: :id], where: "balance > 0", using: :btree)

    alter table(:orders) do
      add :note, :text, comment: "it's"
      modify :total, :bigint, from: :integer
      remove :old, :string, default: "x"
    end

    rename table(:orders), :a, to: :b
    rename table(:orders), to: table(:purchases)

    for s <- @statuses do
      execute "ALTER TYPE status ADD VALUE '#{s}'", ""
    end

    execute(
      """
      UPDATE accounts SET name = 'x'
      WHERE id = 1
      """,
      "SELECT 1"
    )

    index(:accounts, [:plan_id])
    create constraint(:accounts, :positive, check: "balance >= 0", validate: false)
    drop index(:accounts, [:name])
  end
end
