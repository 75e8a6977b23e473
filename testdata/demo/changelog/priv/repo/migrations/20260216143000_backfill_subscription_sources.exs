defmodule Changelog.Repo.Migrations.BackfillSubscriptionSources do
  use Ecto.Migration

  def up do
    alter table(:subscriptions) do
      add :source, :string
    end

    flush()

    repo().query!("UPDATE subscriptions SET source = 'web' WHERE source IS NULL")
  end

  def down do
    alter table(:subscriptions) do
      remove(:source)
    end
  end
end
