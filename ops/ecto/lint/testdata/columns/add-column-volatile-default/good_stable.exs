defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :a, :utc_datetime, default: fragment("now()"), null: false
      add :b, :utc_datetime, default: fragment("CURRENT_TIMESTAMP")
      add :c, :naive_datetime, default: fragment("timezone('utc', now())")
      add :d, :map, default: fragment("'{}'::jsonb")
      add :e, :map, default: %{}
      add :f, {:array, :string}, default: []
      add :g, :string, default: "random()"
      add :h, :boolean, default: false, null: false
      add :i, :integer, default: 0
    end
  end
end
