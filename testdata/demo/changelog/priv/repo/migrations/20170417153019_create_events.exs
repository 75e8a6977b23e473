defmodule Changelog.Repo.Migrations.CreateEvents do
  use Ecto.Migration

  def change do
    create table(:events) do
      add :post_id, references(:posts, on_delete: :nilify_all)
      add :kind, :string, null: false
      add :region, :string, size: 8
      add :payload, :map, null: false, default: %{}

      add :inserted_at, :naive_datetime_usec,
        null: false,
        default: fragment("timezone('utc', now())")
    end

    create index(:events, [:post_id])
    create index(:events, [:inserted_at])
  end
end
